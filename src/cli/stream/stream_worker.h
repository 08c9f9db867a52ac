#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/stream/stream_admin.h"
#include "cli/stream/stream_partition.h"
#include "edge/metrics/exposition.h"

namespace weir::cli {

/// A member of the group: reads events, decides, writes decisions and rejects, exactly once.
class StreamWorker : private kafka::Assignment {
 public:
  /// Waits for a broker, checks the topics and creates them where the options say so. Throws Error.
  StreamWorker(const StreamOptions& options, StreamAdmin& admin, Progress& progress, bool quiet);
  ~StreamWorker() override;

  /// Decides what has arrived, while what was decided before is being committed. Waits for at most
  /// `wait` when nothing has. Fenced, it discards what it had open and joins the group again, as it
  /// does where brokers do not answer; throws Error where it is fenced within a session of joining.
  void run_batch(std::chrono::milliseconds wait);
  /// Every partition of this member is read to its end and committed.
  bool at_end() const;
  /// Commits, takes snapshots, leaves the group.
  void stop();

  std::uint64_t decided() const { return events_; }
  /// From the first event to now.
  double seconds() const;

 private:
  std::vector<std::int64_t> on_assigned(const std::vector<int>& partitions) override;
  void on_revoked(bool lost) override;
  void on_end(int partition, std::int64_t next) override;

  /// Makes a member of the group, which then has to subscribe.
  void make_member();
  std::unique_ptr<StreamPartition> make_partition(int number);
  void decide(std::chrono::milliseconds wait);
  /// Joins the group again.
  void join_again(const Error& why);
  /// A standby applies what the owners have committed, so that it can go on at once.
  void follow();
  void commit_all();
  /// Throws Fenced where a group that refused a commit says nothing for too long.
  void await_the_group(std::chrono::steady_clock::time_point now);
  /// How long outputs may wait for the company of others.
  std::chrono::milliseconds most_open() const;
  void idle();
  void publish();
  std::string page(metrics::Format format);
  void add_decisions(metrics::Exposition& page);
  void add_stream(metrics::Exposition& page);
  std::string not_ready() const;
  std::int64_t lag_messages() const;
  double lag_seconds() const;
  void say(const std::string& text) const;

  const StreamOptions& options_;
  StreamAdmin& admin_;
  Progress& progress_;
  bool quiet_;
  std::map<int, Doubt> doubts_;  // Of the partitions' outputs.
  std::unique_ptr<kafka::Consumer> consumer_;
  std::map<int, std::unique_ptr<StreamPartition>> partitions_;  // This member's.
  /// Not this member's, with their state: revoked, or followed by a standby.
  std::map<int, std::unique_ptr<StreamPartition>> kept_;
  int partition_count_ = 0;
  std::unique_ptr<kafka::Consumer> follower_;  // Of a standby.
  std::future<void> closing_;                  // The one before.
  std::optional<kafka::Message> ahead_;        // Read by it, and not committed yet.
  std::chrono::steady_clock::time_point followed_;
  std::optional<std::chrono::steady_clock::time_point> assigned_at_;  // Since it joined.
  /// Since when the group owes word of what has become of a partition.
  std::optional<std::chrono::steady_clock::time_point> moved_on_at_;
  std::chrono::steady_clock::time_point emptied_;  // When nothing was left to be read, or decided.
  std::uint64_t events_ = 0;
  std::optional<std::chrono::steady_clock::time_point> first_event_;
  std::string fault_;  // What the brokers last said while nothing could be read.
  std::chrono::steady_clock::time_point fault_at_;
  std::uint64_t events_at_fault_ = 0;
  std::chrono::steady_clock::time_point published_;
  bool announced_ = false;  // That it is ready.

  // For metrics.
  StreamCounts counts_;
  std::uint64_t assigned_ = 0;
  std::uint64_t revoked_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace weir::cli

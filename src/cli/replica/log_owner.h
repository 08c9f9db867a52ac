#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "cli/replica/outbox.h"
#include "cli/stream/stream_options.h"
#include "cli/stream/take_over.h"
#include "edge/kafka/consumer.h"
#include "edge/kafka/transactional_producer.h"

namespace weir::cli {

/// Takes part in the group that owns the log, in a thread of its own, and while it owns it writes
/// what the outbox holds, exactly once. Payments are answered whether it owns the log or not, and
/// whether brokers can be written to or not.
class LogOwner : private kafka::Assignment {
 public:
  using Say = std::function<void(const std::string&)>;

  /// The topics have one partition.
  LogOwner(const StreamOptions& options, Outbox& outbox, Say say);
  ~LogOwner() override;

  void start();
  /// Writes what is left, for a few seconds at most, and leaves the group.
  void stop();

  bool owns() const { return owns_; }
  /// Whether it is among the offsets whose outputs it has written, the last times that it owned the
  /// log.
  bool has_written(std::int64_t offset) const;

  struct Counts {
    StreamCounts stream;
    std::uint64_t aborts = 0;
    std::uint64_t assigned = 0;
    std::uint64_t revoked = 0;
    std::uint64_t lost = 0;
  };
  Counts counts() const;

 private:
  std::vector<std::int64_t> on_assigned(const std::vector<int>& partitions) override;
  void on_revoked(bool lost) override;
  void on_end(int, std::int64_t) override {}

  void run();
  void be_member();
  /// Commits the oldest part of the outbox. False when nothing was to be written, or may be.
  bool write(std::chrono::milliseconds wait);
  void let_go();
  /// Writes what its last owner left half over, and remembers what of it is written.
  void make_good(TakenOver& taken);
  /// Forgets what the owner has committed.
  void follow();

  const StreamOptions& options_;
  Outbox& outbox_;
  Say say_;
  std::unique_ptr<kafka::Consumer> member_;
  std::unique_ptr<kafka::TransactionalProducer> producer_;  // While it owns the log.
  std::mutex stopping_;                                     // Of the producer's coming and going.
  /// Since when the group owes word of what has become of the partition.
  std::optional<std::chrono::steady_clock::time_point> moved_on_;
  Doubt doubt_;  // Of outputs before what is committed, until the next commit.
  std::string fault_;
  std::atomic<bool> owns_ = false;
  std::atomic<bool> stop_ = false;
  mutable std::mutex mutex_;
  Counts counts_;
  std::deque<std::pair<std::int64_t, std::int64_t>> written_;  // From and up to, each time.
  std::thread thread_;
};

}  // namespace weir::cli

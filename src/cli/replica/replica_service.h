#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "cli/replica/log_owner.h"
#include "cli/replica/outbox.h"
#include "cli/serve/decision_service.h"
#include "cli/serve/service_view.h"
#include "cli/stream/partition_state.h"
#include "cli/stream/stream_options.h"
#include "edge/http/listener.h"
#include "edge/kafka/consumer.h"
#include "edge/kafka/producer.h"

namespace weir::cli {

/// What became of an event that was sent to the log.
struct LogAnswer {
  /// Why it was not seen at its position; then nothing else counts.
  const http::Problem* failure = nullptr;
  EventAnswer kind = EventAnswer::kApplied;
  const journal::Record* record = nullptr;
  const EventFault* fault = nullptr;  ///< Of kRefused.
};

/// One of several services behind a log in Kafka: each follows all of it with a state of its own,
/// so that each comes to the same decisions. What a client sends is appended to the log and
/// answered when it comes back at its position.
///
/// One thread calls everything; others only tell it about the brokers and write decisions.
class ReplicaService : public ServiceView, private kafka::Assignment {
 public:
  using OnAnswer = std::function<void(const LogAnswer&)>;

  /// Waits for a broker, checks the topics and restores the state. `answer_within`: from the
  /// sending of an event to its return. Throws Error.
  ReplicaService(StreamOptions options,
                 std::chrono::milliseconds answer_within,
                 LogOwner::Say say,
                 Progress& progress);
  ~ReplicaService() override;

  /// The answer to a payment that is in the log already; nothing where it has to go there.
  std::optional<journal::Record> known(const Payment& payment) const;
  /// The position of another payment under this id, while it is remembered.
  std::optional<std::uint64_t> conflict(const Payment& payment) const;
  /// Appends to the log; `on_answer` is called once, later. Or says why that is not possible now.
  std::optional<http::Problem> send(const Payment& payment, OnAnswer on_answer);
  /// The same; `payment` of the request is given.
  std::optional<http::Problem> send(const FeedbackRequest& request, OnAnswer on_answer);

  /// Applies what has come, up to a number of events. True when there is more.
  bool poll();
  /// Readable when there is something to poll for.
  int wake_descriptor() const { return wake_.get(); }
  /// About ten times a second: time-outs, snapshots.
  void tick();
  /// Whether the whole log of the moment of the start was applied; from then on it takes part in
  /// the group.
  bool caught_up() const { return caught_up_; }
  std::int64_t next() const { return next_; }
  /// Writes what is left where it owns the log, and takes a last snapshot.
  void stop();

  std::optional<http::Problem> not_ready() const override;
  std::optional<journal::Record> find(std::int64_t transaction_id) override;
  std::vector<journal::Record> find_feedback(std::int64_t transaction_id) override;
  const RecentRecords& recent() const override { return recent_; }
  std::optional<Control> control_before(std::uint64_t position) override;
  std::uint64_t position() const override { return model().pipeline.position(); }
  Seconds now() override;
  Seconds started_at() const override { return started_at_; }
  Seconds newest_event_time() const override { return state_.decider().newest_event_time(); }
  const ServiceTally& tally() const override { return tally_; }
  /// Of the events whose outputs it wrote as the log's owner: over all replicas each counts once.
  const ServiceTally& own_tally() const override { return own_tally_; }
  void count_reject(std::string_view rule) override;
  const DriftWatch& drift() const override { return *drift_; }
  const LoadedModel& champion() const override { return model(); }
  void add_log(metrics::Exposition& page) const override;

 private:
  using Clock = std::chrono::steady_clock;
  /// An event of which it is not known yet who writes its outputs.
  struct Uncounted {
    std::int64_t offset = 0;
    EventAnswer answer = EventAnswer::kApplied;
    journal::Record record;
  };
  struct Waiting {
    Clock::time_point deadline;
    OnAnswer on_answer;
  };

  std::vector<std::int64_t> on_assigned(const std::vector<int>&) override { return {}; }
  void on_revoked(bool) override {}
  void on_end(int partition, std::int64_t next) override;

  const LoadedModel& model() const { return state_.decider().model(); }
  std::optional<http::Problem> append(std::int64_t customer_id, OnAnswer on_answer);
  void apply(const kafka::Message& message);
  static void count(ServiceTally& tally, EventAnswer answer, const journal::Record& record);
  void count_written();
  void answer(const kafka::Message& message, const LogAnswer& answer);
  void fail(std::uint64_t number, const http::Problem& problem);
  void remember(const journal::Record& record);
  void come_up();
  void listen_to_brokers();
  double seconds_without_answer() const;

  StreamOptions options_;
  std::chrono::milliseconds answer_within_;
  LogOwner::Say say_;
  StreamCounts counts_;  // Of snapshots.
  http::Descriptor wake_;
  std::unique_ptr<kafka::Consumer> follower_;
  std::unique_ptr<kafka::Producer> producer_;
  PartitionState state_;
  Outbox outbox_;
  LogOwner owner_;
  std::optional<DriftWatch> drift_;

  std::string name_;  // Of this process in the headers of its events.
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, Waiting> waiting_;  // By number: the oldest first.
  std::string text_;

  std::int64_t next_ = 0;          // Offset of the first event that is not in the state.
  std::int64_t replay_until_ = 0;  // Outputs of what is before it were written before the start.
  std::int64_t end_at_start_ = 0;
  bool caught_up_ = false;
  std::int64_t last_timestamp_ = 0;
  Clock::time_point began_;
  double restore_seconds_ = 0;
  Seconds started_at_ = 0;
  Seconds snapshot_at_ = 0;

  static constexpr std::size_t kRemembered = 20'000;
  RecentRecords recent_{kRemembered};
  std::uint64_t first_recent_ = 0;                           // The number of the oldest.
  std::unordered_map<std::int64_t, std::uint64_t> decided_;  // Payment → its number in recent_.
  std::deque<std::pair<std::uint64_t, Control>> controls_;   // By position.
  ServiceTally tally_;
  ServiceTally own_tally_;
  std::deque<Uncounted> uncounted_;  // By offset.

  // What the brokers say, by a thread that asks them.
  std::atomic<Clock::rep> answered_at_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread brokers_;
};

}  // namespace weir::cli

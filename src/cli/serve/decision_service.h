#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/serve/fallback.h"
#include "cli/serve/service_view.h"
#include "core/transaction/payment.h"
#include "core/transaction/progress.h"
#include "edge/journal/group_commit.h"
#include "edge/journal/journal.h"
#include "edge/journal/known_ids.h"
#include "edge/journal/record.h"
#include "edge/journal/snapshot_store.h"

namespace weir::cli {

struct ServiceOptions {
  std::filesystem::path journal;
  journal::Durability durability = journal::Durability::kOs;
  Seconds snapshot_every = 300;
  Seconds retention = 400 * kSecondsPerDay;
  std::string history;  ///< Lake of payments before the journal's first; empty for none.
  std::optional<Seconds> history_to;  ///< Its payments before this time only.
  int threads = 0;                    ///< For reading the history.
  std::string challenger;             ///< Bundle folder; empty for none.
  /// Of the customers, whose payments the challenger decides; 0: it decides none (shadow).
  double challenger_share = 0;
  std::string experiment = "challenger";  ///< Its name draws the customers.
  Seconds model_poll = 0;  ///< How often the bundle folders are looked at; 0 = never.
  /// Time is that of the newest payment or feedback: for sending the past through the service.
  bool clock_of_payments = false;
  /// Share of the time that may go into reasons; above it answers are given without.
  double reasons_share = 0.5;
  /// Answers while the journal cannot be written; without them nothing is answered then.
  std::optional<FallbackRules> fallback;
};

/// What became of a payment or of feedback that was sent.
struct ServiceAnswer {
  enum class Kind {
    kDone,
    kRepeated,     ///< The same again: the stored answer.
    kUnrecorded,   ///< The action is told, the journal could not take the payment yet.
    kConflict,     ///< The id is known with other content.
    kRejected,     ///< By a rule of the pipeline, named in `detail`.
    kUnknown,      ///< Feedback on a payment that was never seen.
    kMistimed,     ///< Feedback known before its payment, or in the future.
    kUnavailable,  ///< It cannot be recorded now.
  };
  Kind kind = Kind::kDone;
  std::uint64_t ticket = 0;  ///< To wait for before the answer is sent; 0 = none.
  journal::Record record;
  std::string detail;

  static ServiceAnswer unavailable(std::string detail);
};

/// Feedback as a client sends it.
struct FeedbackRequest {
  std::int64_t transaction_id = 0;
  Outcome outcome = Outcome::kGenuine;
  OutcomeSource source = OutcomeSource::kChargeback;
  std::optional<Seconds> known_at;  ///< Now when absent.
  std::optional<Payment> payment;   ///< Where the journal does not have it.
  std::string note;
};

/// The pipeline behind a durable log: what `weir serve` does, without HTTP.
///
/// Every payment and every piece of feedback gets a position, is applied and recorded with what was
/// decided. One thread calls everything. The clock is passed in; it never runs back in the log.
class DecisionService : public ServiceView {
 public:
  using Clock = std::function<Seconds()>;

  /// Opens the journal and restores the newest usable snapshot of `champion`; what the journal has
  /// after it is applied by `catch_up`.
  DecisionService(ServiceOptions options,
                  std::unique_ptr<LoadedModel> champion,
                  Clock clock,
                  Progress& progress);
  ~DecisionService() override;

  /// Applies up to `records` more entries of the journal. True when all of them are.
  bool catch_up(std::uint64_t records);
  bool ready() const { return ready_; }
  std::optional<http::Problem> not_ready() const override;

  /// The answer is valid until the next call.
  const ServiceAnswer& decide(const Payment& payment);
  /// Starts loading what `decide` of a payment that comes soon will need.
  void prefetch(std::size_t number, const Payment& payment, LoadStep step);
  ServiceAnswer feedback(const FeedbackRequest& request);
  /// The journal can be written again, and payments answered by rules wait to be recorded.
  bool has_unrecorded() const { return !unrecorded_.empty() && !commits_->stuck(); }
  /// Records up to `payments` of them, in the order of their answers.
  void take_unrecorded(std::size_t payments);
  /// Payments answered by rules that wait.
  std::size_t unrecorded() const { return unrecorded_.size(); }
  /// The stored decision on a payment.
  std::optional<journal::Record> find(std::int64_t transaction_id) override;
  std::vector<journal::Record> find_feedback(std::int64_t transaction_id) override;

  journal::GroupCommit& commits() { return *commits_; }
  const LoadedModel& champion() const override { return models_.champion(); }
  const LoadedModel* challenger() const override { return models_.challenger(); }
  double challenger_share() const override { return options_.challenger_share; }
  ServiceModels::State model_state(ModelRole role) const override { return models_.state(role); }
  /// Reads the bundle folders again, in the background.
  void reload() { models_.reload(); }

  /// About ten times a second: snapshots on schedule, pruning, stuck commits.
  void tick();
  /// Begins a snapshot in a child process, which has the state of this moment; answers go on.
  bool begin_snapshot();
  /// Commits what is open and takes a last snapshot. False when the disk did not take it.
  bool stop();

  /// The last decisions and feedback, oldest first.
  const RecentRecords& recent() const override { return recent_; }

  struct State {
    std::uint64_t position = 0;
    Seconds last_logged_at = 0;
    Seconds newest_event_time = 0;
    Seconds snapshot_at = 0;  ///< When the last one was begun; 0 = never.
    std::uint64_t snapshots = 0;
    std::uint64_t snapshot_failures = 0;
    std::uint64_t snapshots_damaged = 0;
    std::uint64_t replayed = 0;
    std::uint64_t replay_mismatches = 0;
    std::uint64_t tally_position = 0;  ///< Of the month's sums that were read at the start.
    Seconds started_at = 0;
  };
  Seconds started_at() const override { return state_.started_at; }
  Seconds newest_event_time() const override { return state_.newest_event_time; }
  const ServiceTally& tally() const override { return tally_; }
  const DriftWatch& drift() const override { return drift_; }
  /// A payment that did not come through cleaning.
  void count_reject(std::string_view rule) override { tally_.add_reject(rule); }
  std::uint64_t position() const override { return models_.champion().pipeline.position(); }
  /// The time of the log.
  Seconds now() override;
  void add_log(metrics::Exposition& page) const override;
  /// The control event in force at `position`.
  std::optional<Control> control_before(std::uint64_t position) override {
    return reader_->control_before(position);
  }

 private:
  static constexpr std::size_t kRecentRecords = 20'000;
  static constexpr Seconds kMaxFutureSkew = PipelineOptions{}.max_future_skew;

  Seconds stamp(Seconds of_entry);
  void control_budgets(Seconds logged_at);
  void apply_recorded(const journal::Record& record);
  bool answer_again(const Payment& payment);
  bool in_future(const Payment& payment, Seconds logged_at);
  const ServiceAnswer& decide_by_rules(const Payment& payment);
  const ServiceAnswer& decide_new(const Payment& payment, std::optional<Action> told);
  void decide_both(const Decision& champion, journal::Record& record, std::optional<Action> told);
  std::string explain_in_time(const LoadedModel& model,
                              const journal::Record& record,
                              std::uint8_t& degraded);
  bool catch_up_model(Pipeline& pipeline);
  void remember(const journal::Record& record);
  void reap_snapshot(bool wait);
  std::filesystem::path tally_file() const { return options_.journal / "month.json"; }

  ServiceOptions options_;
  Clock clock_;
  ServiceModels models_;
  std::optional<journal::Journal> journal_;
  std::optional<journal::JournalReader> reader_;
  std::optional<journal::GroupCommit> commits_;
  RecentRecords recent_{kRecentRecords};
  State state_;
  ServiceTally tally_;
  DriftWatch drift_;  // Of the champion's bundle, by the payments that it decided.
  UnrecordedPayments unrecorded_;
  ServiceAnswer answer_;  // To the last payment; its memory is used again.
  bool ready_ = false;
  std::uint64_t journal_end_ = 0;               // While catching up.
  std::optional<journal::KnownIds> known_ids_;  // Of payments in the log.
  double reasons_debt_seconds_ = 0;  // Spent on reasons beyond the share that they may have.
  double reasons_paid_at_ = 0;
  int snapshot_child_ = 0;
  Seconds pruned_at_ = 0;
};

}  // namespace weir::cli

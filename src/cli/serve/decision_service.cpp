#include "cli/serve/decision_service.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "cli/serve/history.h"
#include "cli/serve/log_entry.h"
#include "cli/serve/model_loader.h"
#include "core/cleaning/rules.h"
#include "core/decision/arm.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "edge/files/staged.h"

namespace weir::cli {
namespace {

using journal::Record;
using journal::RecordKind;

constexpr Seconds kMaxFutureSkew = PipelineOptions{}.max_future_skew;
constexpr int kPrunedATick = 500;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

ServiceAnswer unavailable(std::string detail) {
  ServiceAnswer answer;
  answer.kind = ServiceAnswer::Kind::kUnavailable;
  answer.detail = std::move(detail);
  return answer;
}

void fill_decision(Record& record, const Decision& decision, const LoadedModel& model) {
  set_decision(record, decision);
  record.model = model.version();
  record.features = model.pipeline.last_features();
}

}  // namespace

DecisionService::DecisionService(ServiceOptions options,
                                 std::unique_ptr<LoadedModel> champion,
                                 Clock clock,
                                 Progress& progress)
    : options_(std::move(options)),
      clock_(std::move(clock)),
      models_(options_, std::move(champion)),
      drift_(models_.champion().bundle) {
  journal_.emplace(options_.journal, options_.durability);
  reader_.emplace(options_.journal);
  commits_.emplace(*journal_, options_.durability == journal::Durability::kFull);
  journal_end_ = reader_->end_position();
  max_transaction_id_ = reader_->max_transaction_id();
  state_.last_logged_at = reader_->last_logged_at();
  state_.started_at = clock_();
  state_.newest_event_time =
      restore_model(models_.champion(), options_, *reader_, state_.snapshots_damaged, progress);
  if (tally_.restore(tally_file())) state_.tally_position = tally_.position;
}

DecisionService::~DecisionService() { reap_snapshot(true); }

Seconds DecisionService::now() {
  // A clock that was set back must not run back in the log.
  if (options_.clock_of_payments) return state_.last_logged_at;
  return state_.last_logged_at = std::max(state_.last_logged_at, clock_());
}

Seconds DecisionService::stamp(Seconds of_entry) {
  if (!options_.clock_of_payments) return now();
  return state_.last_logged_at = std::max(state_.last_logged_at, of_entry);
}

/// Writes the control event that is due, if any, before the payment that makes it due.
void DecisionService::control_budgets(Seconds logged_at) {
  const auto control = models_.champion().pipeline.control_due(logged_at);
  if (!control) return;
  Record record;
  record.kind = RecordKind::kControl;
  record.position = position();
  record.logged_at = logged_at;
  record.payment.transaction_id = -1;
  record.model = champion().version();
  record.control = *control;
  models_.apply(*control);
  commits_->add(record);
  remember(record);
}

bool DecisionService::catch_up(std::uint64_t records) {
  if (ready_) return true;
  const std::uint64_t from = position();
  const std::uint64_t to = std::min(journal_end_, from + records);
  reader_->read(from, to, [this](const Record& record) {
    apply_recorded(record);
    return true;
  });
  if (position() < to) {
    throw Error(
        fmt::format("journal \"{}\": entry {} is missing; restore the journal from a "
                    "backup",
                    options_.journal.string(), position()));
  }
  if (position() < journal_end_) return false;
  if (state_.replay_mismatches != 0) {
    fmt::print(stderr,
               "weir: {} of {} replayed decisions differ from the recorded ones; the recorded ones "
               "stand, run weir verify to see which\n",
               state_.replay_mismatches, state_.replayed);
  }
  models_.reload_challenger();
  return ready_ = true;
}

void DecisionService::apply_recorded(const Record& record) {
  if (record.position != position()) {
    throw Error(
        fmt::format("journal \"{}\": entry {} where {} was due; restore the journal from a "
                    "backup",
                    options_.journal.string(), record.position, position()));
  }
  ++state_.replayed;
  Pipeline& pipeline = models_.champion().pipeline;
  const bool ours = record.model == champion().version();
  if (record.kind == RecordKind::kFeedback) {
    pipeline.apply(feedback_of(record));
    if (record.position >= state_.tally_position) tally_.add_damage(record);
  } else if (record.kind == RecordKind::kControl) {
    const auto due = pipeline.control_due(record.logged_at);
    state_.replay_mismatches += ours && due != record.control;
    pipeline.apply(record.control);
  } else {
    const auto answer = pipeline.apply(record.payment, record.logged_at);
    state_.newest_event_time = std::max(state_.newest_event_time, record.payment.event_time);
    const auto* decision = std::get_if<Decision>(&answer);
    if (ours && record.rejected.empty() &&
        (decision == nullptr || decision->margin != record.margin ||
         decision->probability != record.probability ||
         (decision->action != record.action && !journal::told_by_rules(record)))) {
      ++state_.replay_mismatches;
    }
    if (record.position >= state_.tally_position && record.rejected.empty()) {
      tally_.add_to_month(record);
    }
  }
  remember(record);
}

void DecisionService::remember(const Record& record) {
  recent_.push_back(record);
  recent_.back().features.clear();
  recent_.back().features.shrink_to_fit();
  if (recent_.size() > kRecentRecords) recent_.pop_front();
}

std::optional<Record> DecisionService::find(std::int64_t transaction_id) {
  if (const auto pending = commits_->find_payment(transaction_id); pending.record != nullptr) {
    return *pending.record;
  }
  if (transaction_id > max_transaction_id_) return std::nullopt;
  return reader_->find_payment(transaction_id);
}

std::vector<Record> DecisionService::find_feedback(std::int64_t transaction_id) {
  return reader_->find_feedback(transaction_id);
}

ServiceAnswer DecisionService::decide(const Payment& payment) {
  if (!ready_) return unavailable("the service is still reading its journal");
  // What waits for the journal goes first.
  if (commits_->stuck() || !unrecorded_.empty()) return decide_by_rules(payment);
  if (auto again = answer_again(payment)) return *std::move(again);
  return decide_new(payment, std::nullopt);
}

/// The answer to a payment whose id is known already.
std::optional<ServiceAnswer> DecisionService::answer_again(const Payment& payment) {
  const auto pending = commits_->find_payment(payment.transaction_id);
  std::optional<Record> known;
  if (pending.record != nullptr) {
    known = *pending.record;
  } else if (payment.transaction_id <= max_transaction_id_) {
    known = reader_->find_payment(payment.transaction_id);
  }
  if (!known || !known->rejected.empty()) return std::nullopt;
  ServiceAnswer answer;
  const bool same = known->payment == payment;
  answer.kind = same ? ServiceAnswer::Kind::kRepeated : ServiceAnswer::Kind::kConflict;
  if (pending.record != nullptr && commits_->stuck()) {
    // Applied and not written: its action stands and waits for the journal.
    if (same) answer.kind = ServiceAnswer::Kind::kUnrecorded;
  } else if (pending.record != nullptr) {
    answer.ticket = pending.ticket;
  }
  answer.record = *std::move(known);
  tally_.repeated += same;
  if (!same) tally_.add_reject(rule_id(Rule::kDuplicateId));
  return answer;
}

bool DecisionService::in_future(const Payment& payment, Seconds logged_at, ServiceAnswer& answer) {
  if (payment.event_time <= logged_at + kMaxFutureSkew) return false;
  answer.kind = ServiceAnswer::Kind::kRejected;
  answer.detail = rule_id(Rule::kTimeInFuture);
  answer.record.payment = payment;
  tally_.add_reject(answer.detail);
  return true;
}

ServiceAnswer DecisionService::decide_by_rules(const Payment& payment) {
  const std::string why = commits_->stuck() ? "the journal cannot be written: " + commits_->fault()
                                            : "the journal takes what waited for it";
  if (!options_.fallback) return unavailable(why);
  if (auto again = answer_again(payment)) return *std::move(again);
  ServiceAnswer answer;
  answer.record.payment = payment;
  answer.record.degraded = journal::kDegradedRules;
  if (const auto* waiting = unrecorded_.find(payment.transaction_id)) {
    const bool same = waiting->payment == payment;
    answer.kind = same ? ServiceAnswer::Kind::kUnrecorded : ServiceAnswer::Kind::kConflict;
    answer.record.action = waiting->told;
    if (!same) answer.detail = "waits for the journal";
    tally_.repeated += same;
    if (!same) tally_.add_reject(rule_id(Rule::kDuplicateId));
    return answer;
  }
  if (in_future(payment, stamp(payment.event_time), answer)) return answer;
  if (unrecorded_.size() >= options_.fallback->most_waiting) {
    return unavailable(fmt::format("{}, and {} payments wait for it", why, unrecorded_.size()));
  }
  answer.kind = ServiceAnswer::Kind::kUnrecorded;
  answer.record.action = options_.fallback->action_of(payment);
  unrecorded_.push(payment, answer.record.action);
  ++tally_.rules;
  return answer;
}

void DecisionService::take_unrecorded(std::size_t payments) {
  for (; payments > 0 && has_unrecorded(); --payments) {
    const auto entry = unrecorded_.pop();
    decide_new(entry.payment, entry.told);
  }
}

/// Decides, applies and records. `told`: the action that its sender was given already.
ServiceAnswer DecisionService::decide_new(const Payment& payment, std::optional<Action> told) {
  ServiceAnswer answer;
  const Seconds logged_at = stamp(payment.event_time);
  if (in_future(payment, logged_at, answer)) return answer;
  control_budgets(logged_at);
  Record& record = answer.record;
  record.position = position();
  record.logged_at = logged_at;
  record.payment = payment;
  const auto result = models_.champion().pipeline.apply(payment, logged_at);
  if (const auto* reject = std::get_if<Reject>(&result)) {
    models_.challenge(payment, logged_at);
    record.rejected = rule_id(reject->rule);
    answer.kind = ServiceAnswer::Kind::kRejected;
    answer.detail = record.rejected;
    tally_.add_reject(answer.detail);
  } else {
    decide_both(std::get<Decision>(result), record, told);
    tally_.add_decision(record);
    if (record.model == models_.champion().version()) {
      drift_.observe(record.features, record.margin);
    }
  }
  max_transaction_id_ = std::max(max_transaction_id_, payment.transaction_id);
  state_.newest_event_time = std::max(state_.newest_event_time, payment.event_time);
  // The inputs are for the journal alone: the largest part, copied nowhere else.
  std::vector<float> features = std::exchange(record.features, {});
  remember(record);
  Record logged = record;
  logged.features = std::move(features);
  answer.ticket = commits_->add(std::move(logged));
  return answer;
}

/// Fills what was decided: by the champion, or by the challenger where the customer is in its arm.
void DecisionService::decide_both(const Decision& champion,
                                  Record& record,
                                  std::optional<Action> told) {
  const auto challenger = models_.challenge(record.payment, record.logged_at);
  const bool split =
      options_.challenger_share > 0 &&
      in_challenger_arm(options_.experiment, record.payment.customer_id, options_.challenger_share);
  const bool other = split && challenger.has_value();
  if (split && !other) record.degraded |= journal::kDegradedNoChallenger;
  const LoadedModel& model = other ? *models_.challenger() : models_.champion();
  record.arm = other ? "challenger" : "champion";
  fill_decision(record, other ? *challenger : champion, model);
  if (challenger) {
    const Decision& shadow = other ? champion : *challenger;
    record.shadow_model = other ? models_.champion().version() : models_.challenger()->version();
    record.shadow_action = shadow.action;
    record.shadow_probability = shadow.probability;
  }
  if (told) {
    // The model's probability stays beside it; its reasons were not those of the action.
    record.action = *told;
    record.degraded |= journal::kDegradedRules;
  } else if (record.action != Action::kApprove) {
    record.reasons = explain_in_time(model, record, record.degraded);
  }
}

/// Applies to a new model what the log has after it. False when that would take too long.
bool DecisionService::catch_up_model(Pipeline& pipeline) {
  if (position() - pipeline.position() > kRecentRecords / 2) return false;
  reader_->read(pipeline.position(), position(), [&](const Record& record) {
    apply_entry(pipeline, record);
    return true;
  });
  // What is not committed yet the reader does not see.
  for (const Record& record : recent_) {
    if (record.position >= pipeline.position()) apply_entry(pipeline, record);
  }
  if (pipeline.position() != position()) throw Error("the log has a gap; run weir verify");
  return true;
}

std::string DecisionService::explain_in_time(const LoadedModel& model,
                                             const Record& record,
                                             std::uint8_t& degraded) {
  const double start = steady_seconds();
  // Reasons may take a share of all time; what they took beyond it is a debt that time pays off.
  reasons_debt_seconds_ =
      std::max(0.0, reasons_debt_seconds_ - (start - reasons_paid_at_) * options_.reasons_share);
  reasons_paid_at_ = start;
  if (reasons_debt_seconds_ > options_.reasons_share) {
    degraded |= journal::kDegradedNoReasons;
    return {};
  }
  std::string reasons = reasons_json(model, record.features);
  reasons_debt_seconds_ += steady_seconds() - start;
  return reasons;
}

ServiceAnswer DecisionService::feedback(const FeedbackRequest& request) {
  if (!ready_) return unavailable("the service is still reading its journal");
  if (commits_->stuck()) return unavailable("the journal cannot be written: " + commits_->fault());
  if (!unrecorded_.empty()) return unavailable("the journal takes what waited for it");
  ServiceAnswer answer;
  const auto known = find(request.transaction_id);
  if (known) {
    answer.record.payment = known->payment;
  } else if (request.payment) {
    answer.record.payment = *request.payment;
  } else {
    answer.kind = ServiceAnswer::Kind::kUnknown;
    return answer;
  }
  // In the past that is sent again, the feedback's time is the clock's.
  const bool in_future =
      request.known_at && !options_.clock_of_payments && *request.known_at > now() + kMaxFutureSkew;
  if (in_future || (request.known_at && *request.known_at < answer.record.payment.event_time)) {
    answer.kind = ServiceAnswer::Kind::kMistimed;
    answer.detail = in_future ? "lies in the future" : "is before the payment itself";
    return answer;
  }
  std::optional<Record> newest;
  const std::vector<Record> earlier = find_feedback(request.transaction_id);
  for (const Record& record : earlier) {
    if (record.source != request.source) continue;
    if (request.known_at && record.known_at != *request.known_at) continue;
    newest = record;
  }
  // What is not committed yet the reader does not see.
  for (auto record = recent_.rbegin(); record != recent_.rend(); ++record) {
    if (recent_.end() - record.base() > static_cast<std::ptrdiff_t>(commits_->open_records()))
      break;
    if (record->kind != RecordKind::kFeedback || record->source != request.source ||
        record->payment.transaction_id != request.transaction_id ||
        (request.known_at && record->known_at != *request.known_at)) {
      continue;
    }
    newest = *record;
    answer.ticket = commits_->last_ticket();  // It may not be committed yet.
    break;
  }
  if (newest && newest->outcome == request.outcome) {
    answer.kind = ServiceAnswer::Kind::kRepeated;
    answer.record = *std::move(newest);
    return answer;
  }
  if (newest && request.known_at) {
    answer.kind = ServiceAnswer::Kind::kConflict;
    answer.record = *std::move(newest);
    return answer;
  }
  Record& record = answer.record;
  record.kind = RecordKind::kFeedback;
  record.position = position();
  record.logged_at = stamp(request.known_at.value_or(0));
  record.outcome = request.outcome;
  record.source = request.source;
  record.known_at = request.known_at.value_or(record.logged_at);
  record.note = request.note;
  if (known && known->rejected.empty()) set_origin(record, *known);
  models_.apply(feedback_of(record));
  record.damage_minor = damage_of(record, known ? &*known : nullptr, earlier);
  if (known) record.arm = known->arm;
  tally_.add_feedback(record);
  answer.ticket = commits_->add(record);
  remember(record);
  return answer;
}

void DecisionService::tick() {
  commits_->tick();
  reap_snapshot(false);
  if (!ready_) return;
  const Seconds time = clock_();
  if (state_.snapshot_at == 0) state_.snapshot_at = time;
  models_.poll(time);
  if (models_.take(time, [this](Pipeline& pipeline) { return catch_up_model(pipeline); })) {
    drift_ = DriftWatch(models_.champion().bundle);
    begin_snapshot();  // So that a restart finds the new champion's state.
  }
  // Also when the clock was set back.
  if (std::abs(time - state_.snapshot_at) >= options_.snapshot_every) begin_snapshot();
  if (time == pruned_at_) return;
  pruned_at_ = time;
  const auto kept = journal::SnapshotStore(snapshot_folder(options_, champion())).list();
  if (kept.size() == journal::SnapshotStore::kKept && !commits_->stuck() &&
      commits_->wake_descriptor() < 0) {
    journal_->prune(now() - options_.retention, kept.back().position, kPrunedATick);
  }
}

bool DecisionService::begin_snapshot() {
  if (snapshot_child_ != 0) return false;
  state_.snapshot_at = clock_();
  const LoadedModel* models[] = {&models_.champion(), models_.challenger()};
  std::error_code ignored;
  for (const LoadedModel* model : models) {
    if (model == nullptr) continue;
    std::filesystem::create_directories(snapshot_folder(options_, *model), ignored);
  }
  // The child's memory is a copy, made page by page as this process changes its own.
  const int child = fork();
  if (child < 0) {
    ++state_.snapshot_failures;
    return false;
  }
  if (child == 0) {
    // Sockets and the journal stay this process's parent's alone.
    closefrom(3);
    std::string fault;
    bool written = true;
    try {
      for (const LoadedModel* model : models) {
        if (model == nullptr) continue;
        written = journal::SnapshotStore(snapshot_folder(options_, *model))
                      .write(position(), model->pipeline.snapshot(), fault) &&
                  written;
      }
      tally_.position = position();
      tally_.save(tally_file());
    } catch (const std::exception&) {
      written = false;
    }
    _exit(written ? 0 : 1);
  }
  snapshot_child_ = child;
  return true;
}

void DecisionService::reap_snapshot(bool wait) {
  if (snapshot_child_ == 0) return;
  int status = 0;
  if (waitpid(snapshot_child_, &status, wait ? 0 : WNOHANG) == 0) return;
  snapshot_child_ = 0;
  const bool written = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  ++(written ? state_.snapshots : state_.snapshot_failures);
}

bool DecisionService::stop() {
  bool committed = commits_->finish();
  if (committed && !unrecorded_.empty()) {
    take_unrecorded(unrecorded_.size());
    committed = commits_->finish();
  }
  reap_snapshot(true);
  if (!ready_ || !committed) return committed;
  const auto failures = state_.snapshot_failures;
  begin_snapshot();
  reap_snapshot(true);
  journal_->checkpoint();
  return state_.snapshot_failures == failures;
}

}  // namespace weir::cli

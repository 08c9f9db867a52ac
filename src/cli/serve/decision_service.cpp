#include "cli/serve/decision_service.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "cli/serve/history.h"
#include "cli/serve/log_entry.h"
#include "cli/serve/model_loader.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "edge/files/staged.h"

namespace weir::cli {
namespace {

using journal::Record;
using journal::RecordKind;

constexpr int kChildNiceness = 19;  // Who answers goes first, and at once.

}  // namespace

ServiceAnswer ServiceAnswer::unavailable(std::string detail) {
  ServiceAnswer answer;
  answer.kind = Kind::kUnavailable;
  answer.detail = std::move(detail);
  return answer;
}

DecisionService::DecisionService(ServiceOptions options,
                                 std::unique_ptr<LoadedModel> champion,
                                 Clock clock,
                                 Progress& progress)
    : options_(std::move(options)),
      clock_(std::move(clock)),
      models_(options_, std::move(champion)),
      drift_(models_.champion().bundle) {
  journal_.emplace(options_.journal, options_.durability);
  reader_.emplace(options_.journal, *journal_);
  commits_.emplace(*journal_, options_.durability == journal::Durability::kFull);
  journal_end_ = reader_->end_position();
  known_ids_.emplace(reader_->max_transaction_id());
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

void DecisionService::remember(const Record& record) { recent_.push(record); }

std::optional<Record> DecisionService::find(std::int64_t transaction_id) {
  if (!known_ids_->may_have(transaction_id)) return std::nullopt;
  if (auto pending = commits_->find_payment(transaction_id); pending.record) {
    return std::move(pending.record);
  }
  return reader_->find_payment(transaction_id);
}

std::vector<Record> DecisionService::find_feedback(std::int64_t transaction_id) {
  return reader_->find_feedback(transaction_id);
}

/// Applies to a new model what the log has after it. False when that would take too long.
bool DecisionService::catch_up_model(Pipeline& pipeline) {
  if (position() - pipeline.position() > kRecentRecords / 2) return false;
  reader_->read(pipeline.position(), position(), [&](const Record& record) {
    apply_entry(pipeline, record);
    return true;
  });
  // What is not committed yet the reader does not see.
  for (std::size_t i = 0; i < recent_.size(); ++i) {
    if (recent_[i].position >= pipeline.position()) apply_entry(pipeline, recent_[i]);
  }
  if (pipeline.position() != position()) throw Error("the log has a gap; run weir verify");
  return true;
}

ServiceAnswer DecisionService::feedback(const FeedbackRequest& request) {
  if (!ready_) return ServiceAnswer::unavailable("the service is still reading its journal");
  if (commits_->stuck())
    return ServiceAnswer::unavailable("the journal cannot be written: " + commits_->fault());
  if (!unrecorded_.empty())
    return ServiceAnswer::unavailable("the journal takes what waited for it");
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
  for (std::size_t i = 0; i < std::min(recent_.size(), commits_->open_records()); ++i) {
    const Record& record = recent_.newest(i);
    if (record.kind != RecordKind::kFeedback || record.source != request.source ||
        record.payment.transaction_id != request.transaction_id ||
        (request.known_at && record.known_at != *request.known_at)) {
      continue;
    }
    newest = record;
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
  if (kept.size() == journal::SnapshotStore::kKept) {
    journal_->prune_from_now_on(now() - options_.retention, kept.back().position);
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
    setpriority(PRIO_PROCESS, 0, kChildNiceness);
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
  // What SQLite does not take is safe in the tail.
  if (std::string fault; journal_->file_all(fault)) journal_->checkpoint();
  return state_.snapshot_failures == failures;
}

}  // namespace weir::cli

// How DecisionService answers a payment: by the models, again, or by rules while the journal cannot
// be written.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "cli/serve/decision_service.h"
#include "cli/serve/log_entry.h"
#include "core/cleaning/rules.h"
#include "core/decision/arm.h"

namespace weir::cli {
namespace {

using journal::Record;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void fill_decision(Record& record, const Decision& decision, const LoadedModel& model) {
  set_decision(record, decision);
  record.model = model.version();
  record.features = model.pipeline.last_features();
}

}  // namespace

const ServiceAnswer& DecisionService::decide(const Payment& payment) {
  if (!ready_)
    return answer_ = ServiceAnswer::unavailable("the service is still reading its journal");
  // What waits for the journal goes first.
  if (commits_->stuck() || !unrecorded_.empty()) return decide_by_rules(payment);
  if (answer_again(payment)) return answer_;
  return decide_new(payment, std::nullopt);
}

void DecisionService::prefetch(std::size_t number, const Payment& payment, LoadStep step) {
  if (step == LoadStep::kSlots) known_ids_->prefetch(payment.transaction_id);
  models_.champion().pipeline.prefetch(number, payment, step);
  if (models_.challenger() != nullptr) {
    models_.challenger()->pipeline.prefetch(number, payment, step);
  }
}

/// Fills the answer to a payment whose id is known already; false for a new one.
bool DecisionService::answer_again(const Payment& payment) {
  if (!known_ids_->may_have(payment.transaction_id)) return false;
  const auto pending = commits_->find_payment(payment.transaction_id);
  std::optional<Record> known = pending.record;
  if (!known) known = reader_->find_payment(payment.transaction_id);
  if (!known || !known->rejected.empty()) return false;
  ServiceAnswer& answer = answer_ = {};
  const bool same = known->payment == payment;
  answer.kind = same ? ServiceAnswer::Kind::kRepeated : ServiceAnswer::Kind::kConflict;
  if (pending.record && commits_->stuck()) {
    // Applied and not written: its action stands and waits for the journal.
    if (same) answer.kind = ServiceAnswer::Kind::kUnrecorded;
  } else if (pending.record) {
    answer.ticket = pending.ticket;
  }
  answer.record = *std::move(known);
  tally_.repeated += same;
  if (!same) tally_.add_reject(rule_id(Rule::kDuplicateId));
  return true;
}

bool DecisionService::in_future(const Payment& payment, Seconds logged_at) {
  if (payment.event_time <= logged_at + kMaxFutureSkew) return false;
  answer_.kind = ServiceAnswer::Kind::kRejected;
  answer_.detail = rule_id(Rule::kTimeInFuture);
  answer_.record.payment = payment;
  tally_.add_reject(answer_.detail);
  return true;
}

const ServiceAnswer& DecisionService::decide_by_rules(const Payment& payment) {
  const std::string why = commits_->stuck() ? "the journal cannot be written: " + commits_->fault()
                                            : "the journal takes what waited for it";
  if (!options_.fallback) return answer_ = ServiceAnswer::unavailable(why);
  if (answer_again(payment)) return answer_;
  ServiceAnswer& answer = answer_ = {};
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
  if (in_future(payment, stamp(payment.event_time))) return answer;
  if (unrecorded_.size() >= options_.fallback->most_waiting) {
    return answer_ = ServiceAnswer::unavailable(
               fmt::format("{}, and {} payments wait for it", why, unrecorded_.size()));
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
const ServiceAnswer& DecisionService::decide_new(const Payment& payment,
                                                 std::optional<Action> told) {
  // A copy of nothing, unlike nothing itself, keeps the memory of the last answer's texts.
  static const ServiceAnswer kNothing;
  ServiceAnswer& answer = answer_ = kNothing;
  const Seconds logged_at = stamp(payment.event_time);
  if (in_future(payment, logged_at)) return answer;
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
  known_ids_->add(payment.transaction_id);
  state_.newest_event_time = std::max(state_.newest_event_time, payment.event_time);
  answer.ticket = commits_->add(record);
  // The inputs are for the journal alone.
  record.features.clear();
  remember(record);
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

}  // namespace weir::cli

#include "core/decision/decision_loop.h"

#include <cmath>

#include "core/transaction/byte_io.h"
#include "core/transaction/calendar.h"

namespace weir {
namespace {

constexpr double kKopecks = 100;
/// A denial that the card explains at least this well says too little about the terminal.
constexpr float kExplainedByCard = 0.1F;

/// Whether a denial would say something about the terminal.
bool tells_of_terminal(const DecisionBeliefs& beliefs) { return beliefs.card < kExplainedByCard; }

double log_odds(const FraudProbability& probability) {
  constexpr double kLeast = 1e-12;
  return std::log(std::max(probability.total, kLeast) / std::max(probability.genuine, kLeast));
}

Decision scored(const Payment& payment, const ModelScore& model, const FraudProbability& fraud) {
  Decision decision;
  decision.margin = model.margin;
  decision.transaction_id = payment.transaction_id;
  decision.probability = fraud.total;
  decision.score = static_cast<float>(log_odds(fraud));
  decision.beliefs = fraud.beliefs();
  return decision;
}

}  // namespace

/// What a look at the terminal costs and is worth, and whether it is due. Reads and moves the
/// terminal's state only.
AuditTurn DecisionLoop::turn_of(const Payment& payment,
                                const FraudProbability& fraud,
                                double amount_roubles) {
  const BeliefRates& rates = beliefs_.rates();
  const auto costs_at = [&](double probability) {
    return expected_costs(policy_, rates.answers, multiplier_, 1 - probability, amount_roubles);
  };
  // Its fraudster may pass a challenge, and a denial that the card explains tells nothing.
  if (costs_at(fraud.card).cheapest() == Action::kDecline) return {};
  const double unanswered = 1 - rates.answers.answered.value;
  switch (costs_at(fraud.terminal).cheapest()) {
    case Action::kApprove:
      return clock_.pass(payment.terminal_id, payment.event_time,
                         rates.terminal.starts_per_day.value *
                             rates.terminal.compromised_fraud.value * amount_roubles,
                         costs_at(0).challenge, unanswered);
    case Action::kDecline:
      return clock_.pass(payment.terminal_id, payment.event_time,
                         beliefs_.terminals().end_hazard(payment.terminal_id, payment.event_time) *
                             costs_at(0).decline,
                         costs_at(1).challenge, unanswered);
    case Action::kChallenge:
      break;  // Each of its payments is a look.
  }
  return {};
}

bool DecisionLoop::asked_enough(const Payment& payment) const {
  const Asked* asked = asked_.find(payment.customer_id);
  return asked != nullptr && asked->day == day_start(payment.event_time) &&
         asked->count >= policy_.customer_challenges_per_day;
}

FraudProbability DecisionLoop::fraud_of(const Payment& payment, const ModelScore& model) const {
  return compose(beliefs_.rates(), model.probability, model.margin,
                 beliefs_.terminals().at(payment.terminal_id, payment.event_time),
                 beliefs_.customers().at(payment.customer_id, payment.event_time));
}

Decision DecisionLoop::score(const Payment& payment, const ModelScore& model) const {
  return scored(payment, model, fraud_of(payment, model));
}

Decision DecisionLoop::decide(const Payment& payment, const ModelScore& model) {
  const FraudProbability fraud = fraud_of(payment, model);
  const double roubles = static_cast<double>(payment.amount_minor) / kKopecks;
  Decision decision = scored(payment, model, fraud);
  const ActionCosts costs =
      expected_costs(policy_, beliefs_.rates().answers, multiplier_, fraud.genuine, roubles,
                     fraud.card * policy_.takeover_worth);
  decision.action = costs.cheapest();
  if (policy_.audits) {
    const AuditTurn turn = turn_of(payment, fraud, roubles);
    decision.audit_probability = static_cast<float>(turn.probability);
    if (turn.due && decision.action != Action::kChallenge) {
      decision.cause = decision.action == Action::kDecline ? Cause::kProbe : Cause::kAudit;
      decision.action = Action::kChallenge;
    }
  }
  if (decision.action == Action::kChallenge && asked_enough(payment)) {
    decision.cause = Cause::kLimit;
    decision.action = costs.decline < costs.approve ? Action::kDecline : Action::kApprove;
  }
  if (policy_.audits && decision.action == Action::kChallenge &&
      tells_of_terminal(fraud.beliefs())) {
    clock_.asked(payment.terminal_id, payment.event_time);
  }
  decision.review = decision.action == Action::kDecline && costs.decline > policy_.review_cost;
  return decision;
}

void DecisionLoop::apply(const Feedback& feedback) {
  beliefs_.apply(feedback);
  const bool answer = feedback.source == OutcomeSource::kChallenge;
  if (!answer && feedback.source != OutcomeSource::kAnalyst) return;
  const bool telling = feedback.outcome == Outcome::kGenuine ||
                       (feedback.outcome == Outcome::kFraud && tells_of_terminal(feedback.beliefs));
  clock_.answered(feedback.payment.terminal_id, feedback.payment.event_time, feedback.known_at,
                  telling, 1 - beliefs_.rates().answers.answered.value);
  if (!answer) return;
  Asked& asked = asked_[feedback.payment.customer_id];
  const Seconds day = day_start(feedback.payment.event_time);
  if (asked.day != day) asked = {day, 0};
  ++asked.count;
}

void DecisionLoop::apply(const Control& control) {
  multiplier_ = control.multiplier;
  if (control.answered >= 0) beliefs_.learn_answers(control.answered, control.fraud_passes);
}

void DecisionLoop::append_snapshot(std::string& bytes) const {
  beliefs_.append_snapshot(bytes);
  clock_.append_snapshot(bytes);
  put_bytes(bytes, multiplier_);
  put_bytes(bytes, beliefs_.rates().answers.answered.value);
  put_bytes(bytes, beliefs_.rates().answers.fraud_passes.value);
  put_bytes(bytes, static_cast<std::uint64_t>(asked_.size()));
  for (const std::int64_t id : asked_.sorted_ids()) {
    const Asked& asked = *asked_.find(id);
    put_bytes(bytes, id);
    put_bytes(bytes, asked.day);
    put_bytes(bytes, asked.count);
  }
}

void DecisionLoop::restore_snapshot(ByteReader& reader) {
  beliefs_.restore_snapshot(reader);
  clock_.restore_snapshot(reader);
  multiplier_ = reader.get<double>();
  const auto answered = reader.get<double>();
  beliefs_.learn_answers(answered, reader.get<double>());
  asked_ = {};
  const auto count = reader.get<std::uint64_t>();
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto id = reader.get<std::int64_t>();
    Asked& asked = asked_[id];
    asked.day = reader.get<Seconds>();
    asked.count = reader.get<std::int64_t>();
  }
}

}  // namespace weir

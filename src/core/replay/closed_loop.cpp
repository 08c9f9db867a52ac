#include "core/replay/closed_loop.h"

#include "core/transaction/error.h"

namespace weir {

ClosedLoop::ClosedLoop(const BeliefRates& rates,
                       const MoneyPolicy& policy,
                       const FeedbackSettings& feedback,
                       Seconds loop_from)
    : feedback_(feedback),
      loop_from_(loop_from),
      loop_(rates, policy),
      controller_(policy, rates.answers, feedback.label_delay) {
  feedback_.validate();
}

/// Hands the loop, in order of known_at, every answer and label known by `now`; of the same second,
/// answers first.
void ClosedLoop::release(const PaymentView& payments, std::uint64_t base, Seconds now) {
  while (true) {
    const bool has_answer = !answers_.empty() && answers_.top().feedback.known_at <= now;
    bool has_label = false;
    Seconds label_at = 0;
    if (!awaited_.empty()) {
      WEIR_CHECK(first_awaited_ >= base);
      label_at = payments.event_time[first_awaited_ - base] + feedback_.label_delay;
      has_label = label_at <= now;
    }
    if (has_answer && (!has_label || answers_.top().feedback.known_at <= label_at)) {
      if (feedback_.reaches_beliefs) loop_.apply(answers_.top().feedback);
      controller_.observe(answers_.top().feedback);
      if (heard_ != nullptr) heard_->push_back(answers_.top().feedback);
      answers_.pop();
    } else if (has_label) {
      const std::size_t row = first_awaited_ - base;
      if (awaited_.front().executed) {
        const bool fraud = payments.is_fraud[row] != 0;
        const Feedback label{payments[row],
                             fraud ? Outcome::kFraud : Outcome::kGenuine,
                             fraud ? OutcomeSource::kChargeback : OutcomeSource::kMaturity,
                             label_at,
                             awaited_.front().beliefs,
                             awaited_.front().challenged};
        if (feedback_.reaches_beliefs) loop_.apply(label);
        controller_.observe(label);
        if (heard_ != nullptr && fraud) heard_->push_back(label);
      }
      awaited_.pop_front();
      ++first_awaited_;
    } else {
      return;
    }
  }
}

ReplayedPayment ClosedLoop::step(const PaymentView& payments,
                                 std::size_t row,
                                 std::uint64_t base,
                                 const ModelScore& model) {
  const Payment payment = payments[row];
  const std::uint64_t number = base + row;
  if (awaited_.empty()) first_awaited_ = number;
  release(payments, base, payment.event_time);
  if (awaited_.empty()) first_awaited_ = number;
  const bool closed = payment.event_time >= loop_from_;
  if (closed && controller_.due(payment.event_time)) {
    const Control control = controller_.proposed(payment.event_time);
    controller_.accept(control);
    loop_.apply(control);
  }
  ReplayedPayment result;
  result.decision = closed ? loop_.decide(payment, model) : loop_.score(payment, model);
  result.decision.position = number;
  if (closed) controller_.observe(result.decision);
  result.executed = result.decision.action == Action::kApprove;
  if (result.decision.action == Action::kChallenge) {
    const CardholderAnswer answer =
        ask_cardholder(feedback_, payment.transaction_id, payments.is_fraud[row] != 0);
    result.executed = answer.executed;
    answers_.push({Feedback{payment, answer.outcome, OutcomeSource::kChallenge,
                            payment.event_time + answer.delay, result.decision.beliefs},
                   number});
  }
  awaited_.push_back(
      {result.decision.beliefs, result.executed, result.decision.action == Action::kChallenge});
  return result;
}

}  // namespace weir

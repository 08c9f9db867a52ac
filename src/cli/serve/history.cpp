#include "cli/serve/history.h"

#include <variant>

#include "edge/files/lake.h"

namespace weir::cli {

void PastPayments::learn_until(Seconds time) {
  while (payments_.has_labels() && labelled_ < applied_ &&
         payments_.event_time[labelled_] + label_delay_ <= time) {
    const bool fraud = payments_.is_fraud[labelled_] != 0;
    Feedback feedback;
    feedback.payment = payments_[labelled_];
    feedback.outcome = fraud ? Outcome::kFraud : Outcome::kGenuine;
    feedback.source = fraud ? OutcomeSource::kChargeback : OutcomeSource::kMaturity;
    feedback.known_at = payments_.event_time[labelled_] + label_delay_;
    feedback.beliefs = awaited_.front();
    awaited_.pop_front();
    pipeline_.apply(feedback);
    ++labelled_;
  }
}

void PastPayments::apply_next() {
  const Payment payment = payments_[applied_];
  learn_until(payment.event_time);
  const auto answer = pipeline_.apply_executed(payment, payment.event_time);
  const auto* decision = std::get_if<Decision>(&answer);
  if (payments_.has_labels()) {
    awaited_.push_back(decision != nullptr ? decision->beliefs : DecisionBeliefs{});
  }
  ++applied_;
}

Seconds apply_history(Pipeline& pipeline,
                      const std::string& lake,
                      std::optional<Seconds> to,
                      Seconds label_delay,
                      int threads,
                      Progress& progress) {
  const PaymentColumns columns = files::read_lake(lake, std::nullopt, to, threads, progress);
  const PaymentView payments = columns.view();
  PastPayments past(pipeline, payments, label_delay);
  progress.begin("history", payments.size(), "payments");
  while (past.applied() < payments.size()) {
    if (past.applied() % 4096 == 0) progress.update(past.applied());
    past.apply_next();
  }
  progress.update(payments.size());
  progress.end();
  return payments.event_time.back();
}

}  // namespace weir::cli

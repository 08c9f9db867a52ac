#include "cli/serve/log_entry.h"

namespace weir::cli {

Feedback feedback_of(const journal::Record& record) {
  return {record.payment,  record.outcome, record.source,
          record.known_at, record.beliefs, record.challenged};
}

void set_decision(journal::Record& record, const Decision& decision) {
  record.action = decision.action;
  record.late = decision.late;
  record.margin = decision.margin;
  record.score = decision.score;
  record.probability = decision.probability;
  record.cause = decision.cause;
  record.review = decision.review;
  record.audit_probability = decision.audit_probability;
  record.beliefs = decision.beliefs;
}

Decision decision_of(const journal::Record& record) {
  Decision decision;
  decision.position = record.position;
  decision.transaction_id = record.payment.transaction_id;
  decision.action = record.action;
  decision.cause = record.cause;
  decision.review = record.review;
  decision.late = record.late;
  decision.margin = record.margin;
  decision.score = record.score;
  decision.probability = record.probability;
  decision.beliefs = record.beliefs;
  decision.audit_probability = record.audit_probability;
  return decision;
}

void apply_entry(Pipeline& pipeline, const journal::Record& record) {
  switch (record.kind) {
    case journal::RecordKind::kFeedback:
      return pipeline.apply(feedback_of(record));
    case journal::RecordKind::kControl:
      return pipeline.apply(record.control);
    case journal::RecordKind::kPayment:
      pipeline.apply(record.payment, record.logged_at);
  }
}

std::int64_t damage_of(const journal::Record& feedback,
                       const journal::Record* decision,
                       const std::vector<journal::Record>& earlier) {
  if (decision == nullptr || !decision->rejected.empty()) return 0;
  bool was_fraud = false;
  bool confirmed = false;
  for (const journal::Record& record : earlier) {
    was_fraud = record.outcome == Outcome::kFraud;
    confirmed |= record.source == OutcomeSource::kChallenge && record.outcome == Outcome::kGenuine;
  }
  const bool went_through =
      decision->action == Action::kApprove || (decision->action == Action::kChallenge && confirmed);
  const bool is_fraud = feedback.outcome == Outcome::kFraud;
  if (!went_through || is_fraud == was_fraud) return 0;
  return is_fraud ? feedback.payment.amount_minor : -feedback.payment.amount_minor;
}

void set_origin(journal::Record& feedback, const journal::Record& decision) {
  feedback.beliefs = decision.beliefs;
  feedback.challenged = decision.action == Action::kChallenge;
}

}  // namespace weir::cli

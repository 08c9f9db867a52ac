#pragma once

#include <cstdint>
#include <string>

#include "core/beliefs/beliefs.h"
#include "core/decision/audit_clock.h"
#include "core/decision/decision.h"
#include "core/decision/money_policy.h"
#include "core/transaction/id_table.h"

namespace weir {

/// What a model says of a payment: log-odds, and the calibrated probability of fraud.
struct ModelScore {
  float margin = 0;
  double probability = 0;
};

/// A control event of the log: changes what all keys share, from its position on.
struct Control {
  Seconds time = 0;
  double multiplier = 1;  ///< On the friction costs; above 1 touches fewer payments.
  /// What became of challenges so far, as shares; negative: as the bundle says.
  double answered = -1;
  double fraud_passes = -1;

  friend bool operator==(const Control&, const Control&) = default;
};

/// From a model's probability to an action in expected roubles, and back from outcomes to beliefs.
///
/// The part of the pipeline after the score. Changed by log events only: payments move the audit
/// clock of their terminal, feedback moves beliefs, control events the multiplier.
class DecisionLoop {
 public:
  DecisionLoop(const BeliefRates& rates, const MoneyPolicy& policy)
      : policy_(policy), beliefs_(rates), clock_(policy.audit_key) {}

  /// Decides on `payment` with the score of a model whose inputs know no outcome. Leaves position
  /// and late of the decision to the caller.
  Decision decide(const Payment& payment, const ModelScore& model);

  /// The same without acting on it: approves, and no audit clock moves.
  Decision score(const Payment& payment, const ModelScore& model) const;

  void apply(const Feedback& feedback);
  void apply(const Control& control);

  void prefetch(const Payment& payment) const {
    beliefs_.terminals().prefetch(payment.terminal_id);
    beliefs_.customers().prefetch(payment.customer_id);
  }

  const Beliefs& beliefs() const { return beliefs_; }
  const MoneyPolicy& policy() const { return policy_; }
  double multiplier() const { return multiplier_; }

  void append_snapshot(std::string& bytes) const;
  void restore_snapshot(class ByteReader& reader);

 private:
  /// How often a cardholder was asked on a day, by the answers.
  struct Asked {
    Seconds day = 0;
    std::int64_t count = 0;
  };

  FraudProbability fraud_of(const Payment& payment, const ModelScore& model) const;
  AuditTurn turn_of(const Payment& payment, const FraudProbability& fraud, double amount_roubles);
  bool asked_enough(const Payment& payment) const;

  MoneyPolicy policy_;
  Beliefs beliefs_;
  AuditClock clock_;
  IdTable<Asked> asked_;
  double multiplier_ = 1;
};

}  // namespace weir

#pragma once

#include "core/decision/decision.h"
#include "core/decision/decision_loop.h"
#include "core/decision/money_policy.h"

namespace weir {

/// Keeps the policy's budgets: watches the decisions and, once an hour, says by which multiplier on
/// the friction costs to go on. Its answers go into the log as control events, so that a replay
/// sees what the service saw.
///
/// Whether a touched payment was genuine is mostly never known, so each counts by its probability.
/// Rates are of about the last day (an exponential window); an integral controller in the log of
/// the multiplier moves slowly against them.
///
/// Also counts what becomes of challenges, from the bundle's rates as a prior worth kPriorAnswers
/// of them: how many are answered at once, how many frauds pass a label delay later.
class BudgetController {
 public:
  static constexpr double kPriorAnswers = 200;

  BudgetController(const MoneyPolicy& policy, const AnswerRates& answers)
      : policy_(policy), answers_(answers) {}

  void observe(const Decision& decision);
  /// An answer to a challenge.
  void observe(const Feedback& answer);
  /// The label delay of a challenged fraud is over: it had passed, and came back as a chargeback,
  /// or its cardholder had denied it. Both as late as each other, or denials would hide the passes.
  void observe_challenged_fraud(bool passed);

  /// Call before each payment; a control event when a new hour has begun.
  bool due(Seconds time) const { return time >= next_; }
  Control next(Seconds time);

 private:
  MoneyPolicy policy_;
  AnswerRates answers_;
  Seconds next_ = 0;
  double log_multiplier_ = 0;
  double genuine_ = 0;  // Expected, of the window.
  double touched_ = 0;
  double lost_ = 0;
  double challenges_ = 0;
  double asked_ = 0;
  double answered_ = 0;
  double denied_ = 0;
  double passed_ = 0;
};

}  // namespace weir

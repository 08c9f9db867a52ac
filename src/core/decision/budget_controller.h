#pragma once

#include <deque>
#include <string>

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
/// of them: how many are answered at once, how many frauds pass a label delay later. A denial
/// counts as late as the chargeback of a fraud that passed, or denials would hide the passes.
///
/// Its state follows from the log alone; the control events themselves are entries of it.
class BudgetController {
 public:
  static constexpr double kPriorAnswers = 200;

  BudgetController(const MoneyPolicy& policy, const AnswerRates& answers, Seconds label_delay)
      : policy_(policy), answers_(answers), label_delay_(label_delay) {}

  void observe(const Decision& decision);
  /// Answers to challenges, and chargebacks of challenged payments; others say nothing here.
  void observe(const Feedback& feedback);

  /// Ask before each payment: a new hour has begun.
  bool due(Seconds time) const { return time >= next_; }
  /// The control event of this hour. Changes nothing: it counts when it is accepted.
  Control proposed(Seconds time) const;
  void accept(const Control& control);

  /// Shares of about the last day, for people.
  struct Usage {
    double touched = 0;     ///< Of the genuine payments, challenged or declined.
    double lost = 0;        ///< Of the genuine payments, not executed.
    double challenges = 0;  ///< A day.
  };
  Usage usage() const;
  const MoneyPolicy& policy() const { return policy_; }

  void append_snapshot(std::string& bytes) const;
  void restore_snapshot(class ByteReader& reader);

 private:
  MoneyPolicy policy_;
  AnswerRates answers_;
  Seconds label_delay_;
  Seconds next_ = 0;
  double multiplier_ = 1;
  double genuine_ = 0;  // Expected, of the window.
  double touched_ = 0;
  double lost_ = 0;
  double challenges_ = 0;
  double asked_ = 0;
  double answered_ = 0;
  double denied_ = 0;
  double passed_ = 0;
  std::deque<Seconds> denials_;  // When each counts, earliest first.
};

}  // namespace weir

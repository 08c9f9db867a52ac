#include "core/decision/budget_controller.h"

#include <algorithm>
#include <cmath>

namespace weir {
namespace {

constexpr Seconds kEvery = 3'600;
constexpr double kWindowHours = 24;
/// Of the distance (in logs), an hour. The touched share falls with about the root of the
/// multiplier, so a deviation halves in about a day.
constexpr double kGain = 0.06;
constexpr double kLargestStep = 0.2;
/// Budgets are limits: aim a little below.
constexpr double kAim = 0.97;
/// Down to a hundredth of the friction costs: a budget that is there may be used, in reason.
constexpr double kLeastLog = -4.6;
constexpr double kMostLog = 9.2;

}  // namespace

void BudgetController::observe(const Decision& decision) {
  const double genuine = 1 - decision.probability;
  genuine_ += genuine;
  if (decision.action == Action::kApprove) return;
  touched_ += genuine;
  if (decision.action == Action::kDecline) {
    lost_ += genuine;
    return;
  }
  lost_ += genuine * (1 - answers_.answered.value * (1 - answers_.wrong_denial.value));
  ++challenges_;
}

void BudgetController::observe(const Feedback& answer) {
  if (answer.source != OutcomeSource::kChallenge) return;
  ++asked_;
  answered_ += answer.outcome != Outcome::kUnanswered;
}

void BudgetController::observe_challenged_fraud(bool passed) { (passed ? passed_ : denied_) += 1; }

Control BudgetController::next(Seconds time) {
  const bool first = next_ == 0;
  next_ = (time / kEvery + 1) * kEvery;
  if (!first && genuine_ > 0) {
    const double ratio =
        std::max({touched_ / genuine_ / std::max(policy_.false_positive_rate, 1e-9),
                  lost_ / genuine_ / std::max(policy_.lost_genuine_rate, 1e-9),
                  challenges_ / std::max(policy_.challenges_per_day, 1e-9)});
    const double distance = std::log(std::max(ratio, 1e-3) / kAim);
    log_multiplier_ =
        std::clamp(log_multiplier_ + std::clamp(kGain * distance, -kLargestStep, kLargestStep),
                   kLeastLog, kMostLog);
    const double keep = std::exp(-1 / kWindowHours);
    for (double* sum : {&genuine_, &touched_, &lost_, &challenges_}) *sum *= keep;
  }
  const auto posterior = [](const Estimate& prior, double part, double whole) {
    return (prior.value * kPriorAnswers + part) / (kPriorAnswers + whole);
  };
  return {time, std::exp(log_multiplier_), posterior(answers_.answered, answered_, asked_),
          posterior(answers_.fraud_passes, passed_, passed_ + denied_)};
}

}  // namespace weir

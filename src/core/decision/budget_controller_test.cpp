#include "core/decision/budget_controller.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/transaction/hash.h"

namespace weir {
namespace {

/// A service whose touched share falls with the root of the multiplier: what the policy does.
double last_rate(double at_one, double budget, int days) {
  MoneyPolicy policy;
  policy.false_positive_rate = budget;
  policy.lost_genuine_rate = 1;
  BudgetController controller(policy, AnswerRates{});
  double multiplier = 1;
  double touched = 0;
  double all = 0;
  const Seconds start = 1'600'000'000;
  for (Seconds time = start; time < start + days * kSecondsPerDay; time += 10) {
    if (controller.due(time)) multiplier = controller.next(time).multiplier;
    Decision decision;
    decision.probability = 0.001;
    const double share = at_one / std::sqrt(multiplier);
    const bool challenge = unit_interval(mix64(static_cast<std::uint64_t>(time))) < share;
    decision.action = challenge ? Action::kChallenge : Action::kApprove;
    controller.observe(decision);
    if (time < start + (days - 5) * kSecondsPerDay) continue;
    touched += challenge;
    ++all;
  }
  return touched / all;
}

TEST(BudgetController, BringsTheTouchedShareToTheBudget) {
  EXPECT_NEAR(last_rate(0.10, 0.03, 20), 0.03, 0.003);
  EXPECT_NEAR(last_rate(0.01, 0.03, 20), 0.03, 0.003);
}

TEST(BudgetController, ASlackBudgetIsNotSpentForNothing) {
  // A hundredth of the costs is the least: ten times the share.
  EXPECT_NEAR(last_rate(0.001, 0.5, 20), 0.01, 0.002);
}

TEST(BudgetController, SpeaksOnceAnHour) {
  BudgetController controller(MoneyPolicy{}, AnswerRates{});
  const Seconds midnight = 1'600'041'600;
  EXPECT_TRUE(controller.due(midnight + 5));
  EXPECT_EQ(controller.next(midnight + 5).multiplier, 1);
  EXPECT_FALSE(controller.due(midnight + 3'599));
  EXPECT_TRUE(controller.due(midnight + 3'600));
}

}  // namespace
}  // namespace weir

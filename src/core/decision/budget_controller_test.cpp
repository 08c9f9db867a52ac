#include "core/decision/budget_controller.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/transaction/byte_io.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

/// A service whose touched share falls with the root of the multiplier: what the policy does.
double last_rate(double at_one, double budget, int days) {
  MoneyPolicy policy;
  policy.false_positive_rate = budget;
  policy.lost_genuine_rate = 1;
  BudgetController controller(policy, AnswerRates{}, 7 * kSecondsPerDay);
  double multiplier = 1;
  double touched = 0;
  double all = 0;
  const Seconds start = 1'600'000'000;
  for (Seconds time = start; time < start + days * kSecondsPerDay; time += 10) {
    if (controller.due(time)) {
      multiplier = controller.proposed(time).multiplier;
      controller.accept({time, multiplier});
    }
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
  BudgetController controller(MoneyPolicy{}, AnswerRates{}, 7 * kSecondsPerDay);
  const Seconds midnight = 1'600'041'600;
  EXPECT_TRUE(controller.due(midnight + 5));
  EXPECT_EQ(controller.proposed(midnight + 5).multiplier, 1);
  controller.accept({midnight + 5, 1});
  EXPECT_FALSE(controller.due(midnight + 3'599));
  EXPECT_TRUE(controller.due(midnight + 3'600));
}

TEST(BudgetController, CountsADenialWithTheChargebacksOfItsDay) {
  const AnswerRates answers;
  BudgetController controller(MoneyPolicy{}, answers, kSecondsPerDay);
  const Seconds now = 1'600'041'600;
  const Payment payment{1, now, 2, 3, 400};
  controller.observe(Feedback{payment, Outcome::kFraud, OutcomeSource::kChallenge, now + 900});
  const double prior = answers.fraud_passes.value;
  EXPECT_EQ(controller.proposed(now + kSecondsPerDay - 1).fraud_passes, prior);
  const double kept = BudgetController::kPriorAnswers;
  EXPECT_EQ(controller.proposed(now + kSecondsPerDay).fraud_passes, prior * kept / (kept + 1));
  Feedback chargeback{payment, Outcome::kFraud, OutcomeSource::kChargeback, now + kSecondsPerDay};
  controller.observe(chargeback);
  EXPECT_EQ(controller.proposed(now).fraud_passes, prior);  // It was approved: nobody was asked.
  chargeback.challenged = true;
  controller.observe(chargeback);
  EXPECT_EQ(controller.proposed(now).fraud_passes, (prior * kept + 1) / (kept + 1));
}

TEST(BudgetController, ASnapshotGoesOnAsItWas) {
  BudgetController first(MoneyPolicy{}, AnswerRates{}, kSecondsPerDay);
  const Seconds start = 1'600'041'600;
  BudgetController second = first;
  for (Seconds time = start; time < start + 3 * kSecondsPerDay; time += 600) {
    for (BudgetController* controller : {&first, &second}) {
      if (controller->due(time)) controller->accept(controller->proposed(time));
      Decision decision;
      decision.probability = 0.2;
      decision.action = time % 1'800 == 0 ? Action::kChallenge : Action::kApprove;
      controller->observe(decision);
      controller->observe(Feedback{{time, time, 2, 3, 400},
                                   time % 3'600 == 0 ? Outcome::kFraud : Outcome::kGenuine,
                                   OutcomeSource::kChallenge,
                                   time});
    }
    std::string bytes;
    second.append_snapshot(bytes);
    second = BudgetController(MoneyPolicy{}, AnswerRates{}, kSecondsPerDay);
    ByteReader reader(bytes);
    second.restore_snapshot(reader);
    ASSERT_TRUE(reader.empty());
    ASSERT_EQ(first.proposed(time), second.proposed(time));
  }
}

}  // namespace
}  // namespace weir

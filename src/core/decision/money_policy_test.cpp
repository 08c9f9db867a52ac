#include "core/decision/money_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/transaction/error.h"

namespace weir {
namespace {

MoneyPolicy policy() {
  MoneyPolicy policy;
  policy.challenge_cost = 0.1;
  policy.lost_genuine_cost = 5;
  return policy;
}

AnswerRates answers() { return {{0.8, 0, 1}, {0.01, 0, 1}, {0, 0, 1}}; }

TEST(ExpectedCosts, AreRoublesOfEachAction) {
  const ActionCosts costs = expected_costs(policy(), answers(), 2, 0.75, 40);
  EXPECT_NEAR(costs.approve, 0.25 * 40, 1e-12);
  EXPECT_NEAR(costs.decline, 0.75 * 5 * 2, 1e-12);
  EXPECT_NEAR(costs.challenge, (0.1 + 0.75 * 5 * (1 - 0.8)) * 2 + 0.25 * 40 * 0.01, 1e-12);
}

TEST(ExpectedCosts, ABudgetForTouchingIsNoneForLosing) {
  const ActionCosts costs = expected_costs(policy(), answers(), 0.1, 0.75, 40);
  EXPECT_NEAR(costs.decline, 0.75 * 5, 1e-12);
  EXPECT_NEAR(costs.challenge, (0.1 + 0.75 * 5 * (1 - 0.8)) * 0.1 + 0.25 * 40 * 0.01, 1e-12);
}

TEST(ExpectedCosts, TheCheapestActionMovesWithTheProbability) {
  const auto action = [](double fraud) {
    return expected_costs(policy(), answers(), 1, 1 - fraud, 50).cheapest();
  };
  EXPECT_EQ(action(0.0001), Action::kApprove);
  EXPECT_EQ(action(0.2), Action::kChallenge);
  EXPECT_EQ(action(0.999), Action::kDecline);
}

TEST(MoneyPolicy, ReadsBackAsWritten) {
  MoneyPolicy given = policy();
  given.audits = false;
  given.customer_challenges_per_day = 9;
  given.audit_key = 123'456'789;
  EXPECT_EQ(MoneyPolicy::parse(given.to_toml(), "policy.toml"), given);
}

TEST(MoneyPolicy, RefusesWhatIsWrongAndSaysWhere) {
  const auto message = [](const std::string& from, const std::string& to) -> std::string {
    std::string text = policy().to_toml();
    text.replace(text.find(from), from.size(), to);
    try {
      MoneyPolicy::parse(text, "b/policy.toml");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message("challenge_cost = 0.1", "challenge_cost = -1"),
              testing::HasSubstr("challenge_cost is -1, wanted a number from 0"));
  EXPECT_THAT(message("challenge_cost = 0.1", ""), testing::HasSubstr("challenge_cost is missing"));
  EXPECT_THAT(message("review_cost", "revue_cost"),
              testing::HasSubstr("unknown key revue_cost; did you mean review_cost?"));
  EXPECT_THAT(message("false_positive_rate = 0.03", "false_positive_rate = 3"),
              testing::HasSubstr("false_positive_rate is 3, wanted a number from 0 to 1"));
  EXPECT_THAT(message("audits = true", "audits = \"yes\""), testing::HasSubstr("b/policy.toml"));
}

}  // namespace
}  // namespace weir

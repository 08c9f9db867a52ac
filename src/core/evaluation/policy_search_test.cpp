#include "core/evaluation/policy_search.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/transaction/error.h"

namespace weir {
namespace {

/// A world in which damage falls as more genuine payments are touched, each of which costs.
PolicyTrial tried(const MoneyPolicy& policy) {
  PolicyTrial trial;
  trial.policy = policy;
  trial.false_positive_rate = policy.false_positive_rate * 1.02;
  trial.genuine_lost_rate = 0.2 * trial.false_positive_rate;
  trial.damage_roubles_per_month = 5'000 / trial.false_positive_rate - 500 * policy.takeover_worth +
                                   60 * policy.takeover_worth * policy.takeover_worth;
  trial.cost_roubles_per_month = trial.damage_roubles_per_month + 2e7 * trial.false_positive_rate;
  return trial;
}

std::vector<PolicyTrial> search(const PolicyLimits& limits) {
  std::vector<PolicyTrial> trials;
  for (int round = 0; round < kSearchRounds; ++round) {
    for (const MoneyPolicy& policy : policies_to_try(round, {}, trials, limits)) {
      trials.push_back(tried(policy));
    }
  }
  return trials;
}

TEST(PolicySearch, FindsTheCheapestWithinTheLimits) {
  const PolicyLimits limits;
  const std::vector<PolicyTrial> trials = search(limits);
  const PolicyTrial& best = trials[best_trial(trials, limits)];
  EXPECT_EQ(excess(best, limits), 0);
  // The cheapest of all is at a share of sqrt(5000 / 2e7) = 1.6 % and a worth of about 4.
  EXPECT_NEAR(best.false_positive_rate, 0.0158, 0.004);
  EXPECT_EQ(best.policy.takeover_worth, 5);
  for (const PolicyTrial& trial : trials) {
    EXPECT_EQ(trial.policy.challenge_cost, MoneyPolicy{}.challenge_cost);
    EXPECT_EQ(trial.policy.lost_genuine_cost, MoneyPolicy{}.lost_genuine_cost);
  }
}

TEST(PolicySearch, ALimitOnDamageIsPaidForByTouchingMore) {
  PolicyLimits limits;
  limits.damage_roubles_per_month = 120e3;
  const std::vector<PolicyTrial> trials = search(limits);
  const PolicyTrial& best = trials[best_trial(trials, limits)];
  EXPECT_EQ(excess(best, limits), 0);
  EXPECT_GT(best.false_positive_rate, 0.04);
}

TEST(PolicySearch, WhereNothingKeepsTheLimitsTheNearestIsGiven) {
  PolicyLimits limits;
  limits.damage_roubles_per_month = 50e3;
  const std::vector<PolicyTrial> trials = search(limits);
  const PolicyTrial& best = trials[best_trial(trials, limits)];
  EXPECT_GT(excess(best, limits), 0.5);
  EXPECT_GT(best.false_positive_rate, 0.045);
  EXPECT_NE(passed_limits(best, limits).find("damage"), std::string::npos);
}

TEST(PolicySearch, TriesNothingTwice) {
  const std::vector<PolicyTrial> trials = search({});
  for (std::size_t i = 0; i < trials.size(); ++i) {
    for (std::size_t j = i + 1; j < trials.size(); ++j) {
      EXPECT_FALSE(trials[i].policy == trials[j].policy);
    }
  }
  EXPECT_TRUE(policies_to_try(kSearchRounds, {}, trials, {}).empty());
}

TEST(PolicySearch, CostsAreOfAMonth) {
  LoopOutcome outcome(0, 15 * kSecondsPerDay);
  // Fifteen days: everything counts twice.
  outcome.add({100, 1, 10'000, true, 2, Action::kApprove, true});
  outcome.add({200, 2, 5'000, false, 0, Action::kChallenge, false});
  outcome.add({300, 3, 5'000, true, 2, Action::kDecline, false, true});
  const PolicyTrial trial = trial_of({}, outcome);
  const MoneyPolicy prices;
  EXPECT_DOUBLE_EQ(trial.damage_roubles_per_month, 200);
  EXPECT_DOUBLE_EQ(
      trial.cost_roubles_per_month,
      200 + 2 * (prices.challenge_cost + prices.lost_genuine_cost + prices.review_cost));
}

TEST(PolicySearch, RefusesLimitsThatMakeNoSense) {
  PolicyLimits limits;
  limits.false_positive_rate = 1.5;
  EXPECT_THROW(limits.validate(), UsageError);
  limits.false_positive_rate = 0.05;
  limits.damage_roubles_per_month = -1;
  EXPECT_THROW(limits.validate(), UsageError);
  limits.damage_roubles_per_month = std::nan("");
  EXPECT_THROW(limits.validate(), UsageError);
}

}  // namespace
}  // namespace weir

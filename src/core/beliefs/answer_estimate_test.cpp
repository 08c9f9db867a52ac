#include "core/beliefs/answer_estimate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr Seconds kStart = 1'600'041'600;
constexpr Seconds kLabelDelay = 7 * kSecondsPerDay;
constexpr int kDays = 37;
constexpr Seconds kUntil = kStart + kDays * kSecondsPerDay;
constexpr double kAnswered = 0.8;
constexpr double kPasses = 0.02;

BeliefRates rates() {
  BeliefRates rates;
  rates.terminal = {{0.01, 0, 1}, {0.1, 0, 1}, {0.95, 0, 1}, {0.002, 0, 1}};
  rates.customer = {{0.0003, 0, 1}, {0.07, 0, 1}, {0.3, 0, 1}, {0.0005, 0, 1}};
  return rates;
}

/// A hundred terminals, each asked about 25 times a day, whose compromises follow the rates: what
/// challenges bring where this share of genuine payments is denied, and the chargebacks.
std::vector<Feedback> world(double wrong, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> chance;
  const auto wait_days = [&](double rate) { return -std::log1p(-chance(random)) / rate; };
  std::vector<Feedback> all;
  std::int64_t id = 0;
  for (std::int64_t terminal = 0; terminal < 100; ++terminal) {
    bool compromised = false;
    double changes = wait_days(rates().terminal.starts_per_day.value);
    for (double day = wait_days(25); day < kDays; day += wait_days(25)) {
      while (day >= changes) {
        compromised = !compromised;
        changes += wait_days(compromised ? 0.1 : 0.01);
      }
      // A tenth of the payments look a little like a card's fraud, and are as often as they look.
      const float card = chance(random) < 0.1 ? 0.02F : 0.0004F;
      const bool fraud = (compromised && chance(random) < 0.95) || chance(random) < card;
      const auto time = kStart + static_cast<Seconds>(day * kSecondsPerDay);
      Feedback answer{{++id, time, id, terminal, 5'000},
                      Outcome::kUnanswered,
                      OutcomeSource::kChallenge,
                      time + 900,
                      {card, 0.1F, card, 0.01F}};
      const bool passed = fraud && chance(random) < kPasses;
      if (passed) {
        Feedback chargeback = answer;
        chargeback.outcome = Outcome::kFraud;
        chargeback.source = OutcomeSource::kChargeback;
        chargeback.known_at = time + kLabelDelay;
        chargeback.challenged = true;
        all.push_back(chargeback);
        answer.outcome = Outcome::kGenuine;
      } else if (chance(random) < kAnswered) {
        answer.outcome = fraud || chance(random) < wrong ? Outcome::kFraud : Outcome::kGenuine;
      }
      all.push_back(answer);
    }
  }
  return all;
}

class WrongDenials : public testing::TestWithParam<double> {};

TEST_P(WrongDenials, AreFoundAmongDenialsThatHoldManyMoreFrauds) {
  const double wrong = GetParam();
  int inside = 0;
  constexpr int kWorlds = 3;
  for (std::uint64_t seed = 1; seed <= kWorlds; ++seed) {
    const AnswerEstimate found = estimate_answers(world(wrong, seed), rates(), kLabelDelay, kUntil);
    const Estimate& estimate = found.rates.wrong_denial;
    inside += estimate.low <= wrong && wrong <= estimate.high;
    EXPECT_NEAR(estimate.value, wrong, 0.2 * wrong + 4e-4) << "seed " << seed;
    // Taking every denial for a mistake would be far off.
    EXPECT_GT(static_cast<double>(found.denied), 2 * found.wrongly_denied);
    EXPECT_NEAR(found.rates.answered.value, kAnswered, 0.01);
    EXPECT_NEAR(found.rates.fraud_passes.value, kPasses, 0.01);
  }
  EXPECT_GE(inside, kWorlds - 1);
}

INSTANTIATE_TEST_SUITE_P(Shares, WrongDenials, testing::Values(0, 0.002, 0.02));

TEST(AnswerEstimate, HearsTheSameTwiceOnceAndNothingOfTheFuture) {
  std::vector<Feedback> all = world(0.01, 1);
  const auto known = [](const std::vector<Feedback>& feedback) {
    return estimate_answers(feedback, rates(), kLabelDelay, kStart + 20 * kSecondsPerDay);
  };
  const AnswerEstimate once = known(all);
  const std::size_t size = all.size();
  for (std::size_t i = 0; i < size; ++i) {
    if (i % 7 == 0) all.push_back(all[i]);
    // What comes later may say anything.
    if (all[i].known_at >= kStart + 20 * kSecondsPerDay) all[i].outcome = Outcome::kFraud;
  }
  const AnswerEstimate again = known(all);
  EXPECT_EQ(again.asked, once.asked);
  EXPECT_EQ(again.denied, once.denied);
  EXPECT_DOUBLE_EQ(again.rates.wrong_denial.value, once.rates.wrong_denial.value);
}

TEST(AnswerEstimate, RefusesTooFewAnswers) {
  std::vector<Feedback> all = world(0.01, 1);
  all.resize(50);
  EXPECT_THROW(estimate_answers(all, rates(), kLabelDelay, kUntil), Error);
  EXPECT_THROW(estimate_answers({}, rates(), kLabelDelay, kUntil), Error);
}

}  // namespace
}  // namespace weir

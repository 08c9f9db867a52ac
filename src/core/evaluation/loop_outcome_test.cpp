#include "core/evaluation/loop_outcome.h"

#include <gtest/gtest.h>

#include "core/transaction/calendar.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

constexpr Seconds kFrom = 1000 * kSecondsPerDay;

LoopPayment payment(bool fraud, Action action, bool executed, std::int64_t amount_minor) {
  return {kFrom, 1, amount_minor, fraud, static_cast<std::int8_t>(fraud ? 2 : 0), action, executed};
}

TEST(LoopOutcome, CountsByTheDefinitions) {
  LoopOutcome outcome(kFrom, kFrom + 10 * kSecondsPerDay);
  outcome.add(payment(false, Action::kApprove, true, 1'00));
  outcome.add(payment(false, Action::kApprove, true, 2'00));
  outcome.add(payment(false, Action::kChallenge, true, 4'00));   // Confirmed: touched, not lost.
  outcome.add(payment(false, Action::kChallenge, false, 8'00));  // Unanswered.
  outcome.add(payment(false, Action::kDecline, false, 16'00));
  outcome.add(payment(true, Action::kApprove, true, 32'00));
  outcome.add(payment(true, Action::kChallenge, true, 64'00));  // The fraudster passed.
  outcome.add(payment(true, Action::kChallenge, false, 128'00));
  outcome.add(payment(true, Action::kDecline, false, 256'00));
  const LoopCounts total = outcome.total();
  EXPECT_EQ(total.payments, 9u);
  EXPECT_EQ(total.approved(), 3u);
  EXPECT_EQ(total.genuine(), 5u);
  EXPECT_EQ(total.genuine_touched(), 3u);
  EXPECT_EQ(total.genuine_lost, 2u);
  EXPECT_EQ(total.genuine_lost_minor, 24'00);
  EXPECT_EQ(total.frauds_through, 2u);
  EXPECT_EQ(total.frauds_passed, 1u);
  EXPECT_EQ(total.exposure_minor, 480'00);
  EXPECT_EQ(total.damage_minor, 96'00);
  EXPECT_EQ(total.amount_minor, 511'00);
  EXPECT_DOUBLE_EQ(total.false_positive_rate(), 3.0 / 5);
  EXPECT_DOUBLE_EQ(total.false_negative_rate(), 2.0 / 4);
  EXPECT_DOUBLE_EQ(total.false_positives_of_all(), 3.0 / 9);
  EXPECT_DOUBLE_EQ(total.false_negatives_of_all(), 2.0 / 9);
  EXPECT_DOUBLE_EQ(total.genuine_lost_rate(), 2.0 / 5);
  EXPECT_DOUBLE_EQ(total.precision(), 3.0 / 6);
  EXPECT_DOUBLE_EQ(total.damage_of_exposure(), 96.0 / 480);
  // Ten days of thirty.
  EXPECT_DOUBLE_EQ(outcome.damage_roubles_per_month(), 96.0 * 3);
  EXPECT_DOUBLE_EQ(outcome.exposure_roubles_per_month(), 480.0 * 3);
  EXPECT_DOUBLE_EQ(outcome.genuine_lost_roubles_per_month(), 24.0 * 3);
  EXPECT_DOUBLE_EQ(outcome.challenges_per_day(), 4.0 / 10);
  EXPECT_DOUBLE_EQ(outcome.challenges_per_customer_month(), 2.0 / 1 * 3);
}

TEST(LoopOutcome, AnEmptyPeriodHasNoShares) {
  const LoopOutcome outcome(kFrom, kFrom + kSecondsPerDay);
  EXPECT_EQ(outcome.total(), LoopCounts{});
  EXPECT_EQ(outcome.total().false_negative_rate(), 0);
  EXPECT_EQ(outcome.challenges_per_customer_month(), 0);
}

TEST(LoopOutcome, DaysAreUtcDaysAndScenariosAreKeptApart) {
  const Seconds noon = kFrom + kSecondsPerDay / 2;
  LoopOutcome outcome(noon, noon + kSecondsPerDay);
  ASSERT_EQ(outcome.day_count(), 2u);
  EXPECT_EQ(outcome.day_start_of(0), kFrom);
  EXPECT_EQ(outcome.day_start_of(1), kFrom + kSecondsPerDay);
  LoopPayment fraud = payment(true, Action::kApprove, true, 5'00);
  fraud.event_time = kFrom + kSecondsPerDay - 1;
  outcome.add(fraud);
  fraud.event_time += 1;
  fraud.scenario = 3;
  outcome.add(fraud);
  fraud.scenario = 9;  // Not one of ours.
  outcome.add(fraud);
  EXPECT_EQ(outcome.day(0).frauds, 1u);
  EXPECT_EQ(outcome.day(1).frauds, 2u);
  EXPECT_EQ(outcome.day(1, 3).frauds, 1u);
  EXPECT_EQ(outcome.scenario(2).frauds, 1u);
  EXPECT_EQ(outcome.scenario(0).frauds, 1u);
  EXPECT_EQ(outcome.scenario(0).damage_minor, 5'00);
}

TEST(LoopOutcome, CountsACustomerOnceWhateverHisId) {
  LoopOutcome outcome(kFrom, kFrom + kSecondsPerDay);
  LoopPayment genuine = payment(false, Action::kApprove, true, 1'00);
  for (const std::int64_t customer : {0L, 0L, 63L, 64L, 1'000'000L, 64L, 1L << 40, 1L << 40, -7L}) {
    genuine.customer_id = customer;
    outcome.add(genuine);
  }
  EXPECT_EQ(outcome.customers(), 6u);
}

TEST(LoopOutcome, AnySplitOverThreadsGivesTheSameSums) {
  constexpr std::size_t kParts = 3;
  LoopOutcome whole(kFrom, kFrom + 5 * kSecondsPerDay);
  std::vector<LoopOutcome> parts(kParts, whole);
  for (std::uint64_t i = 0; i < 5000; ++i) {
    const std::uint64_t chance = hash64(1, i);
    LoopPayment one;
    one.event_time = kFrom + static_cast<Seconds>(chance % (5 * kSecondsPerDay));
    one.customer_id = static_cast<std::int64_t>(hash64(2, i) % 700);
    one.amount_minor = static_cast<std::int64_t>(hash64(3, i) % 100'00);
    one.scenario = static_cast<std::int8_t>(hash64(4, i) % 4);
    one.is_fraud = one.scenario > 0;
    one.action = static_cast<Action>(hash64(5, i) % 3);
    one.executed = one.action == Action::kApprove ||
                   (one.action == Action::kChallenge && hash64(6, i) % 2 == 0);
    whole.add(one);
    parts[hash64(7, i) % kParts].add(one);
  }
  LoopOutcome merged = parts[0];
  merged.merge(parts[1]);
  merged.merge(parts[2]);
  EXPECT_EQ(merged.total(), whole.total());
  EXPECT_EQ(merged.total().payments, 5000u);
  EXPECT_EQ(merged.customers(), whole.customers());
  for (std::size_t day = 0; day < whole.day_count(); ++day) {
    for (std::size_t number = 0; number < LoopOutcome::kScenarios; ++number) {
      EXPECT_EQ(merged.day(day, number), whole.day(day, number));
    }
  }
}

TEST(LoopOutcomeDeathTest, RefusesWhatCannotBe) {
  LoopOutcome outcome(kFrom, kFrom + kSecondsPerDay);
  LoopPayment late = payment(false, Action::kApprove, true, 1'00);
  late.event_time += kSecondsPerDay;
  EXPECT_DEATH(outcome.add(late), "event_time");
  EXPECT_DEATH(outcome.add(payment(false, Action::kApprove, false, 1'00)), "executed");
  EXPECT_DEATH(outcome.add(payment(true, Action::kDecline, true, 1'00)), "executed");
}

}  // namespace
}  // namespace weir

#include "core/evaluation/loss_budget.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr Seconds kFrom = 100 * kSecondsPerDay;
constexpr LossBudget kBudget{300'00};  // 10 roubles a day.

Seconds day(double number) { return kFrom + static_cast<Seconds>(number * kSecondsPerDay); }

TEST(LossBudget, ConfirmedLossOfMaturedDaysAndExpectedOfTheRest) {
  LossRecord record(kFrom, kBudget);
  for (int i = 0; i < 10; ++i) record.expect(day(i + 0.5), 40'00, 0.25);
  record.confirm(day(0.5), 20'00);
  record.confirm(day(8.5), 5'00);
  // At the end of day 10, with labels after 7 days: days 0..2 are known.
  const BudgetState state = record.state(day(10), 7 * kSecondsPerDay);
  ASSERT_EQ(state.days.size(), 10u);
  EXPECT_TRUE(state.days[2].matured);
  EXPECT_FALSE(state.days[3].matured);
  EXPECT_DOUBLE_EQ(state.days[0].expected, 10);
  EXPECT_DOUBLE_EQ(state.days[0].spent, 20);
  EXPECT_DOUBLE_EQ(state.days[1].spent, 0);
  // 20 of 30 expected roubles came true.
  EXPECT_DOUBLE_EQ(state.correction, 20.0 / 30);
  EXPECT_DOUBLE_EQ(state.days[5].spent, 10 * 20.0 / 30);
  EXPECT_DOUBLE_EQ(state.month_spent, 20 + 7 * 10 * 20.0 / 30);
  EXPECT_DOUBLE_EQ(state.days[9].month_line, 100);
  // Known fraud counts even where less was expected.
  record.confirm(day(8.5), 45'00);
  EXPECT_DOUBLE_EQ(record.state(day(10), 7 * kSecondsPerDay).days[8].spent, 50);
}

TEST(LossBudget, BurnIsSpentAgainstTheEvenShare) {
  LossRecord record(kFrom, kBudget);
  for (int i = 0; i < 29; ++i) record.confirm(day(i), 5'00);
  record.confirm(day(29), 40'00);
  const BudgetState state = record.state(day(30), 0);
  const BurnRates& burn = state.days.back().burn;
  EXPECT_DOUBLE_EQ(burn.day, 40.0 / 10);
  EXPECT_DOUBLE_EQ(burn.week, (6 * 5.0 + 40) / 70);
  EXPECT_DOUBLE_EQ(burn.month, (29 * 5.0 + 40) / 300);
  EXPECT_DOUBLE_EQ(state.days[0].burn.month, 5.0 / 10);  // Over what there is.
}

TEST(LossBudget, TheForecastGoesOnAsTheLastWeek) {
  LossRecord record(kFrom, kBudget);
  for (int i = 0; i < 13; ++i) record.confirm(day(i), i < 6 ? 100'00 : 7'00);
  const BudgetState state = record.state(day(13), 0);
  EXPECT_DOUBLE_EQ(state.month_forecast, 600 + 7 * 7 + 17 * 7.0);
  EXPECT_FALSE(state.forecast_within_budget());
  EXPECT_EQ(state.exhausted_on, day(3));
  // Half a day more, half a day of loss more: the same forecast.
  record.confirm(day(13.2), 3'50);
  EXPECT_DOUBLE_EQ(record.state(day(13.5), 0).month_forecast, 600 + 7 * 7 + 3.5 + 16.5 * 7);
}

TEST(LossBudget, AMonthIsThirtyDaysAndBeginsAfresh) {
  LossRecord record(kFrom, kBudget);
  for (int i = 0; i < 40; ++i) record.confirm(day(i), 20'00);
  const BudgetState state = record.state(day(40), 0);
  EXPECT_EQ(state.month_from, day(30));
  EXPECT_EQ(state.month_to, day(60));
  EXPECT_DOUBLE_EQ(state.days[29].month_spent, 600);
  EXPECT_DOUBLE_EQ(state.days[30].month_spent, 20);
  EXPECT_DOUBLE_EQ(state.month_spent, 200);
  EXPECT_DOUBLE_EQ(state.month_forecast, 600);
  EXPECT_FALSE(state.exhausted_on.has_value());
  // On the last midnight the month that ended is shown, not the empty one that begins.
  EXPECT_EQ(record.state(day(30), 0).month_from, kFrom);
}

TEST(LossBudget, CorrectionsAndOtherThreadsAddUp) {
  LossRecord one(kFrom, kBudget);
  LossRecord other(kFrom, kBudget);
  one.expect(day(0), 1'00, 1.0 / 3);
  other.expect(day(2), 3'00, 1);
  one.confirm(day(1), 9'00);
  other.withdraw(day(1), 9'00);
  one.merge(other);
  const BudgetState state = one.state(day(3), 0);
  EXPECT_NEAR(state.days[0].expected, 1.0 / 3, 1e-5);
  EXPECT_EQ(state.days[1].confirmed, 0);
  EXPECT_DOUBLE_EQ(state.days[2].expected, 3);
}

TEST(LossBudget, AnEmptyRecordSpendsNothing) {
  const BudgetState state = LossRecord(kFrom, {}).state(kFrom, kSecondsPerDay);
  EXPECT_EQ(state.days.size(), 1u);
  EXPECT_EQ(state.month_budget, 500'000);
  EXPECT_EQ(state.month_forecast, 0);
  EXPECT_TRUE(state.forecast_within_budget());
}

}  // namespace
}  // namespace weir

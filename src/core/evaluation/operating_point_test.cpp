#include "core/evaluation/operating_point.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr Seconds kDay = kSecondsPerDay;

PaymentColumns sample() {
  PaymentColumns payments;
  payments.push_back({1, 0, 1, 1, 100'00}, {1, 2});
  payments.push_back({2, 10, 2, 1, 50'00}, {1, 2});
  payments.push_back({3, kDay, 3, 1, 300'00}, {1, 1});
  payments.push_back({4, kDay + 5, 1, 1, 20'00}, {0, 0});
  payments.push_back({5, kDay + 6, 1, 1, 30'00}, {0, 0});
  return payments;
}

const std::vector<float> kScores = {3, 1, 2, 2, 0};

TEST(OperatingPoint, CountsBothKindsAndTheirMoney) {
  const PaymentColumns payments = sample();
  const OperatingPoint point = operating_point(kScores, payments.view(), 2);
  EXPECT_EQ(point.true_positives, 2u);
  EXPECT_EQ(point.false_negatives, 1u);
  EXPECT_EQ(point.false_positives, 1u);
  EXPECT_EQ(point.true_negatives, 1u);
  EXPECT_EQ(point.damage_minor, 50'00);
  EXPECT_EQ(point.exposure_minor, 450'00);
  EXPECT_DOUBLE_EQ(point.false_positive_rate(), 1.0 / 2);
  EXPECT_DOUBLE_EQ(point.false_negative_rate(), 1.0 / 3);
  EXPECT_DOUBLE_EQ(point.false_negatives_of_all(), 1.0 / 5);
  EXPECT_DOUBLE_EQ(point.precision(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(point.damage_roubles_per_month(2 * kDay), 50.0 * 30 / 2);
}

TEST(OperatingPoint, WeightsRepeatPayments) {
  const PaymentColumns payments = sample();
  const std::vector<std::uint8_t> weights = {0, 3, 1, 2, 1};
  const OperatingPoint point = operating_point(kScores, payments.view(), 2, weights);
  EXPECT_EQ(point.false_negatives, 3u);
  EXPECT_EQ(point.damage_minor, 150'00);
  EXPECT_EQ(point.false_positives, 2u);
}

TEST(OperatingPoint, SplitsByScenarioAndDay) {
  const PaymentColumns payments = sample();
  const auto by_scenario = operating_points_by_scenario(kScores, payments.view(), 2);
  EXPECT_EQ(by_scenario.size(), 2u);
  EXPECT_DOUBLE_EQ(by_scenario.at(2).false_negative_rate(), 1.0 / 2);
  EXPECT_DOUBLE_EQ(by_scenario.at(1).false_negative_rate(), 0.0);
  const auto by_day = operating_points_by_day(kScores, payments.view(), 2);
  EXPECT_EQ(by_day.at(0).payments(), 2u);
  EXPECT_EQ(by_day.at(kDay).false_positives, 1u);
}

TEST(OperatingPoint, AnEmptyPeriodHasNoRates) {
  EXPECT_EQ(OperatingPoint().false_positive_rate(), 0.0);
  EXPECT_EQ(OperatingPoint().false_negative_rate(), 0.0);
}

}  // namespace
}  // namespace weir

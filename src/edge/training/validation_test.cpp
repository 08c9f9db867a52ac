#include "edge/training/validation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/transaction/hash.h"

namespace weir::training {
namespace {

TEST(Validation, ThresholdsTouchAtMostTheShareAllowed) {
  std::vector<float> margins;
  std::vector<std::int8_t> labels;
  for (int row = 0; row < 1'000; ++row) {
    margins.push_back(static_cast<float>(row));
    labels.push_back(0);
  }
  margins.push_back(2'000);
  labels.push_back(1);
  const Policy policy = choose_policy(Ranking(margins, labels), 0.01, 0.001);
  EXPECT_EQ(policy.challenge_margin, 990.0F);
  EXPECT_EQ(policy.decline_margin, 999.0F);
  const Policy none = choose_policy(Ranking(margins, labels), 0, 0);
  EXPECT_GT(none.challenge_margin, 999.0F);
  EXPECT_LE(none.challenge_margin, 2'000.0F);
}

TEST(Validation, GoodProbabilitiesHaveTheErrorOfChance) {
  std::vector<float> margins;
  PaymentColumns payments;
  double expected_brier = 0;
  constexpr int kRows = 50'000;
  for (std::uint64_t row = 0; row < kRows; ++row) {
    const double margin = -6 + 6 * unit_interval(hash64(1, row));
    const double p = 1 / (1 + std::exp(-margin));
    margins.push_back(static_cast<float>(margin));
    const bool fraud = unit_interval(hash64(2, row)) < p;
    payments.push_back(Payment{0, 0, static_cast<std::int64_t>(row), 0, 0},
                       {static_cast<std::int8_t>(fraud), 0});
    expected_brier += p * (1 - p) / kRows;
  }
  const Policy policy{-1, 0, 0};
  const ValidationMetrics metrics = validation_metrics(margins, payments.view(), policy, 1);
  EXPECT_NEAR(metrics.brier_score, expected_brier, 0.002);
  EXPECT_LT(metrics.calibration_error, 0.007);
  EXPECT_LT(metrics.average_precision_interval.low, metrics.average_precision);
  EXPECT_GT(metrics.average_precision_interval.high, metrics.average_precision);
  EXPECT_LT(metrics.roc_auc_interval.low, metrics.roc_auc);
  EXPECT_GT(metrics.roc_auc_interval.high, metrics.roc_auc);
}

}  // namespace
}  // namespace weir::training

#include "core/evaluation/calibration_error.h"

#include <gtest/gtest.h>

#include "core/transaction/hash.h"

namespace weir {
namespace {

TEST(CalibrationError, ByHand) {
  const std::vector<double> probabilities = {0.1, 0.1, 0.3, 0.7};
  const std::vector<std::int8_t> labels = {0, 1, 0, 1};
  const auto bins = reliability(probabilities, labels, 2);
  ASSERT_EQ(bins.size(), 2u);
  EXPECT_DOUBLE_EQ(bins[0].fraud_rate, 0.5);
  EXPECT_DOUBLE_EQ(bins[1].mean_probability, 0.5);
  EXPECT_DOUBLE_EQ(expected_calibration_error(bins), (2 * (0.5 - 0.1) + 2 * 0.0) / 4);
  EXPECT_DOUBLE_EQ(brier_score(probabilities, labels), (0.01 + 0.81 + 0.09 + 0.09) / 4);
}

TEST(CalibrationError, EqualProbabilitiesStayTogether) {
  const std::vector<double> probabilities(100, 0.2);
  const std::vector<std::int8_t> labels(100, 0);
  EXPECT_EQ(reliability(probabilities, labels, 10).size(), 1u);
}

TEST(CalibrationError, IsSmallForHonestProbabilities) {
  std::vector<double> probabilities;
  std::vector<std::int8_t> labels;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    probabilities.push_back(unit_interval(hash64(1, i)));
    labels.push_back(unit_interval(hash64(2, i)) < probabilities.back() ? 1 : 0);
  }
  const auto bins = reliability(probabilities, labels, 20);
  EXPECT_EQ(bins.size(), 20u);
  EXPECT_LT(expected_calibration_error(bins), 0.01);
  // E (p − y)² = E p(1 − p) = 1/2 − 1/3 for uniform p.
  EXPECT_NEAR(brier_score(probabilities, labels), 1.0 / 6, 0.003);
}

}  // namespace
}  // namespace weir

#include "core/evaluation/bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace weir {
namespace {

TEST(Bootstrap, ACustomersPaymentsShareOneWeight) {
  std::vector<std::int64_t> customers;
  for (std::int64_t i = 0; i < 30'000; ++i) customers.push_back(i % 10'000);
  const auto weights = bootstrap_weights(customers, 1, 0);
  for (std::size_t i = 10'000; i < customers.size(); ++i)
    ASSERT_EQ(weights[i], weights[i - 10'000]);
  EXPECT_NE(weights, bootstrap_weights(customers, 1, 1));
  EXPECT_EQ(weights, bootstrap_weights(customers, 1, 0));
}

TEST(Bootstrap, WeightsArePoissonOfOne) {
  std::vector<std::int64_t> customers(200'000);
  std::iota(customers.begin(), customers.end(), 0);
  const auto weights = bootstrap_weights(customers, 7, 3);
  std::vector<double> shares(10);
  for (const auto weight : weights) shares[weight] += 1.0 / static_cast<double>(customers.size());
  EXPECT_NEAR(shares[0], std::exp(-1.0), 0.005);
  EXPECT_NEAR(shares[1], std::exp(-1.0), 0.005);
  EXPECT_NEAR(shares[2], std::exp(-1.0) / 2, 0.005);
  EXPECT_NEAR(shares[3], std::exp(-1.0) / 6, 0.005);
}

TEST(Bootstrap, IntervalHoldsTheMiddle95Percent) {
  std::vector<double> values(1001);
  std::iota(values.begin(), values.end(), 0.0);
  values.push_back(std::nan(""));
  const Interval interval = percentile_interval(values);
  EXPECT_DOUBLE_EQ(interval.low, 25);
  EXPECT_DOUBLE_EQ(interval.high, 975);
  EXPECT_TRUE(std::isnan(percentile_interval({}).low));
}

}  // namespace
}  // namespace weir

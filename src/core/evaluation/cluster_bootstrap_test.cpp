#include "core/evaluation/cluster_bootstrap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/transaction/hash.h"

namespace weir {
namespace {

double variance(const std::vector<double>& values) {
  double sum = 0;
  double squares = 0;
  for (const double value : values) {
    sum += value;
    squares += value * value;
  }
  const auto n = static_cast<double>(values.size());
  return squares / n - sum * sum / n / n;
}

TEST(ClusterBootstrap, DrawsArePoissonOfOne) {
  std::array<double, 8> shares = {};
  constexpr std::uint64_t kBlocks = 100'000;
  for (std::uint64_t block = 0; block < kBlocks; ++block) {
    for (const std::uint8_t count : poisson_block(42, block)) {
      shares[std::min<std::size_t>(count, 7)] += 1.0 / (4 * kBlocks);
    }
  }
  double expected = std::exp(-1.0);
  for (std::size_t count = 0; count < 6; ++count) {
    EXPECT_NEAR(shares[count], expected, 0.003) << count;
    expected /= static_cast<double>(count) + 1;
  }
}

TEST(ClusterBootstrap, SpreadsAsTheSumOfSquares) {
  std::vector<ClusterValues> clusters;
  double squares = 0;
  for (std::int64_t id = 0; id < 300; ++id) {
    const double value = unit_interval(hash64(1, static_cast<std::uint64_t>(id))) - 0.5;
    clusters.push_back({id, {value, 0, 2 * value, 0}});
    squares += value * value;
  }
  const BootstrapSums sums = bootstrap_cluster_sums(clusters, 5, 4000);
  ASSERT_EQ(sums[0].size(), 4000u);
  EXPECT_NEAR(variance(sums[0]) / squares, 1, 0.1);
  EXPECT_EQ(variance(sums[1]), 0);
  // One weight for all measures of a cluster.
  for (std::size_t i = 0; i < sums[0].size(); ++i) EXPECT_DOUBLE_EQ(sums[2][i], 2 * sums[0][i]);
}

TEST(ClusterBootstrap, TheOrderOfClustersDoesNotChangeTheDraw) {
  std::vector<ClusterValues> clusters;
  for (std::int64_t id = 0; id < 50; ++id) clusters.push_back({id, {std::ldexp(1.0, -4), 1, 2, 3}});
  const BootstrapSums forward = bootstrap_cluster_sums(clusters, 1, 10);
  std::reverse(clusters.begin(), clusters.end());
  EXPECT_EQ(forward, bootstrap_cluster_sums(clusters, 1, 10));
  EXPECT_EQ(forward[0].size(), 12u);  // Whole blocks.
  EXPECT_NE(forward, bootstrap_cluster_sums(clusters, 2, 10));
}

TEST(ClusterBootstrap, StudentsQuantilesAreThoseOfTheTables) {
  EXPECT_TRUE(std::isinf(student_quantile_95(0)));
  EXPECT_NEAR(student_quantile_95(1), 6.3138, 5e-4);
  EXPECT_NEAR(student_quantile_95(2), 2.9200, 5e-4);
  EXPECT_NEAR(student_quantile_95(3), 2.3534, 5e-3);
  EXPECT_NEAR(student_quantile_95(4), 2.1318, 2e-3);
  EXPECT_NEAR(student_quantile_95(10), 1.8125, 1e-4);
  EXPECT_NEAR(student_quantile_95(29), 1.6991, 1e-4);
  EXPECT_NEAR(student_quantile_95(1'000'000), kNormalQuantile95, 1e-5);
}

}  // namespace
}  // namespace weir

#include "core/simulation/draws.h"

#include <gtest/gtest.h>

#include <cmath>

namespace weir {
namespace {

TEST(NormalQuantile, InvertsTheDistributionFunction) {
  for (const double probability :
       {1e-300, 1e-12, 1e-5, 0.01, 0.0749, 0.0751, 0.3, 0.5, 0.8, 0.9251, 0.99, 1 - 1e-9}) {
    const double below = 0.5 * std::erfc(-normal_quantile(probability) / std::sqrt(2));
    EXPECT_NEAR(below / probability, 1, 1e-12) << probability;
  }
  EXPECT_EQ(normal_quantile(0.5), 0);
  EXPECT_EQ(normal_quantile(0.25), -normal_quantile(0.75));
}

TEST(Draws, DrawsWhatItsKeySaysOnly) {
  Draws first(7, 1, 2);
  Draws again(7, 1, 2);
  Draws other(7, 2, 1);
  const std::uint64_t bits = first.bits();
  EXPECT_EQ(again.bits(), bits);
  EXPECT_NE(other.bits(), bits);
  EXPECT_NE(first.bits(), bits);
}

TEST(Draws, NormalHasMeanZeroAndDeviationOne) {
  constexpr int kDraws = 200'000;
  Draws draws(7, 1);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = draws.normal();
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / kDraws, 0, 5 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1, 5 * std::sqrt(2.0 / kDraws));
}

TEST(Draws, PoissonHasItsMeanAsVariance) {
  constexpr int kDraws = 200'000;
  for (const double mean : {0.1, 1.9, 4.0, 60.0}) {
    Draws draws(7, 2);
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double value = draws.poisson(mean, std::exp(-mean)) - mean;
      sum += value;
      squares += value * value;
    }
    EXPECT_NEAR(sum / kDraws, 0, 5 * std::sqrt(mean / kDraws)) << mean;
    EXPECT_NEAR(squares / kDraws / mean, 1, 5 * std::sqrt((2 + 1 / mean) / kDraws)) << mean;
  }
  EXPECT_EQ(Draws(7, 3).poisson(0, 1), 0);
}

TEST(Draws, BelowReachesEachNumberAboutAsOften) {
  Draws draws(7, 4);
  int seen[5] = {};
  for (int i = 0; i < 50'000; ++i) ++seen[draws.below(5)];
  for (const int count : seen) EXPECT_NEAR(count, 10'000, 5 * std::sqrt(10'000 * 0.8));
}

}  // namespace
}  // namespace weir

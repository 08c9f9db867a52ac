#include "core/evaluation/mixture_bound.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/transaction/hash.h"

namespace weir {
namespace {

constexpr double kError = 0.05;

TEST(MixtureBound, IsWhereTheEvidenceReachesOneInTwenty) {
  const MixtureBound bound(10, kError);
  for (const double variance : {0.1, 1.0, 10.0, 1000.0}) {
    EXPECT_NEAR(bound.log_evidence(bound.at(variance), variance), std::log(1 / kError), 1e-9);
  }
}

TEST(MixtureBound, EvidenceIsTheMeanOfLikelihoodRatiosOverAHalfNormalDrift) {
  // E[exp(λ s - λ² v / 2)] over λ = |N(0, 1 / mixing)|, summed numerically.
  const double x = 1 - 2 * std::log(2 * kError);
  double root = x;
  for (int turn = 0; turn < 50; ++turn) root = x + std::log(root);
  const double mixing = 8 / (root - 1);
  const MixtureBound bound(8, kError);
  for (const double sum : {-3.0, 0.0, 5.0}) {
    double mean = 0;
    const double step = 1e-4;
    for (double drift = step / 2; drift < 12; drift += step) {
      const double density = std::sqrt(2 * mixing / M_PI) * std::exp(-mixing * drift * drift / 2);
      mean += step * density * std::exp(drift * sum - drift * drift * 2.0 / 2);
    }
    EXPECT_NEAR(bound.log_evidence(sum, 2.0), std::log(mean), 1e-4) << sum;
  }
}

TEST(MixtureBound, IsNarrowestWhereItWasAskedToBe) {
  const MixtureBound here(100, kError);
  for (const double other : {10.0, 40.0, 250.0, 1000.0}) {
    EXPECT_LE(here.at(100), 1.003 * MixtureBound(other, kError).at(100)) << other;
  }
  // The price of looking at any time, beside one look at the end.
  EXPECT_GT(here.at(100), 1.645 * 10);
  EXPECT_LT(here.at(100), 1.645 * 10 * 1.75);
}

TEST(MixtureBound, IsCrossedByOneWalkInTwentyAtMost) {
  const MixtureBound bound(50, kError);
  int crossed = 0;
  constexpr int kWalks = 1000;
  for (std::uint64_t walk = 0; walk < kWalks; ++walk) {
    double sum = 0;
    for (std::uint64_t step = 1; step <= 200; ++step) {
      const double one = unit_interval(hash64(walk, 2 * step));
      const double two = unit_interval(hash64(walk, 2 * step + 1));
      sum += std::sqrt(-2 * std::log(1 - one)) * std::cos(2 * M_PI * two);
      if (bound.log_evidence(sum, static_cast<double>(step)) > -std::log(kError)) {
        ++crossed;
        break;
      }
    }
  }
  EXPECT_LE(crossed, kWalks * kError);
  EXPECT_GE(crossed, kWalks * 0.01);
}

}  // namespace
}  // namespace weir

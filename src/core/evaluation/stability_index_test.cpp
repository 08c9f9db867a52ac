#include "core/evaluation/stability_index.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/transaction/error.h"

namespace weir {
namespace {

double index_of(const std::vector<std::int64_t>& before, const std::vector<std::int64_t>& after) {
  return population_stability_index(before, after);
}

TEST(StabilityIndex, IsZeroForEqualShares) {
  EXPECT_EQ(index_of({10, 30, 60}, {100, 300, 600}), 0);
}

TEST(StabilityIndex, AddsUpTheBins) {
  const double expected = (0.6 - 0.5) * std::log(0.6 / 0.5) + (0.4 - 0.5) * std::log(0.4 / 0.5);
  EXPECT_DOUBLE_EQ(index_of({50, 50}, {60, 40}), expected);
  EXPECT_DOUBLE_EQ(index_of({60, 40}, {50, 50}), expected);
}

TEST(StabilityIndex, TakesAnEmptyBinForAVerySmallOne) {
  const double expected = (1e-4 - 0.5) * std::log(1e-4 / 0.5) + (1 - 0.5) * std::log(1 / 0.5);
  EXPECT_DOUBLE_EQ(index_of({50, 50}, {0, 100}), expected);
}

TEST(StabilityIndex, RefusesWhatHasNoShares) {
  EXPECT_THROW(index_of({1, 2}, {1, 2, 3}), Error);
  EXPECT_THROW(index_of({0, 0}, {1, 2}), Error);
}

}  // namespace
}  // namespace weir

#include "core/beliefs/duration_estimate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/transaction/hash.h"

namespace weir {
namespace {

/// What the labels say of terminals with a payment every two hours.
struct Labelled {
  std::vector<std::int64_t> ids;
  std::vector<Seconds> times;
  std::vector<float> compromised;

  DurationLaw law(double ends_per_day) const {
    ChainRates rates;
    rates.ends_per_day = {ends_per_day, 0, 1};
    return estimate_durations(group_by_key(ids), times, compromised, rates);
  }
};

/// One compromise a terminal, `length` days from a start of its own on, evenly spread: some before
/// the data begin, some beyond their end.
Labelled one_length(int keys, double first_start, double spacing, double length, int days) {
  Labelled labelled;
  for (std::int64_t key = 0; key < keys; ++key) {
    const double begin = first_start + spacing * static_cast<double>(key);
    for (int i = 0; i < 12 * days; ++i) {
      const double day = i / 12.0;
      labelled.ids.push_back(key);
      labelled.times.push_back(1'600'000'000 + i * 7'200);
      labelled.compromised.push_back(day >= begin && day < begin + length ? 0.99F : 0.01F);
    }
  }
  return labelled;
}

TEST(EstimateDurations, FindsALengthThatIsAlwaysTheSame) {
  const DurationLaw law = one_length(60, -10, 1, 10, 40).law(0.1);
  EXPECT_GT(law.survival(0, 9.5), 0.95);
  EXPECT_LT(law.survival(0, 10.5), 0.1);
  EXPECT_NEAR(law.mean_age(), 5, 0.5);
}

TEST(EstimateDurations, FindsALengthThatWasNeverSeenWhole) {
  // Nine days of data, compromises of ten: each begins before them or ends after them.
  const DurationLaw law = one_length(76, -10, 0.25, 10, 9).law(0.1);
  EXPECT_GT(law.survival(0, 8.5), 0.9);
  EXPECT_LT(law.survival(0, 13), 0.2);
}

TEST(EstimateDurations, AMemorylessEndHasTheSameHazardAtAnyAge) {
  Labelled labelled;
  for (std::int64_t key = 0; key < 400; ++key) {
    bool state = hash64(static_cast<std::uint64_t>(key), 0, 0) % 11 == 0;
    for (int i = 0; i < 600; ++i) {
      const double chance =
          unit_interval(hash64(static_cast<std::uint64_t>(key), static_cast<std::uint64_t>(i), 1));
      if (chance < (state ? 0.5 : 0.05) / 12) state = !state;
      labelled.ids.push_back(key);
      labelled.times.push_back(1'600'000'000 + i * 7'200);
      labelled.compromised.push_back(state ? 1 : 0);
    }
  }
  const DurationLaw law = labelled.law(0.5);
  EXPECT_NEAR(law.survival(0, 1), std::exp(-0.5), 0.05);
  EXPECT_NEAR(law.survival(2, 1), std::exp(-0.5), 0.08);
}

TEST(EstimateDurations, WhatOpensInTheMiddleWasNotUnderWay) {
  // Twenty terminals whose first payments, days after the data's, are frauds until the third day.
  Labelled labelled = one_length(1, 100, 1, 1, 20);
  for (std::int64_t key = 1; key <= 20; ++key) {
    for (int i = 0; i < 120; ++i) {
      labelled.ids.push_back(key);
      labelled.times.push_back(1'600'000'000 + 10 * kSecondsPerDay + i * 7'200);
      labelled.compromised.push_back(i < 36 ? 1 : 0);
    }
  }
  EXPECT_TRUE(labelled.law(0.1).empty());
}

TEST(EstimateDurations, OfTwoEndsNothingIsSaid) {
  const std::vector<std::int64_t> ids{1, 1, 1, 2, 2, 2};
  const std::vector<Seconds> times{1, 2, 3, 1, 2, 3};
  const std::vector<float> compromised{0, 1, 0, 0, 1, 0};
  EXPECT_TRUE(estimate_durations(group_by_key(ids), times, compromised, {}).empty());
}

}  // namespace
}  // namespace weir

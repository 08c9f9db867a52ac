#include "core/beliefs/estimation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

/// Payments of a chain whose rates are known, drawn by hash.
struct Drawn {
  std::vector<std::int64_t> ids;
  std::vector<Seconds> times;
  std::vector<std::int8_t> frauds;
  std::vector<bool> compromised;
};

Drawn draw(double start, double end, double bad, double sound) {
  constexpr int kKeys = 400;
  constexpr int kPayments = 600;
  constexpr Seconds kGap = 7'200;
  Drawn drawn;
  for (std::int64_t key = 0; key < kKeys; ++key) {
    bool state = false;
    for (int i = 0; i < kPayments; ++i) {
      const auto chance = [&](std::uint64_t what) {
        return unit_interval(
            hash64(static_cast<std::uint64_t>(key), static_cast<std::uint64_t>(i), what));
      };
      const double days = static_cast<double>(kGap) / kSecondsPerDay;
      if (chance(1) < (state ? end : start) * days) state = !state;
      drawn.ids.push_back(key);
      drawn.times.push_back(1'600'000'000 + i * kGap);
      drawn.frauds.push_back(chance(2) < (state ? bad : sound) ? 1 : 0);
      drawn.compromised.push_back(state);
    }
  }
  return drawn;
}

TEST(ChainEstimator, RecoversTheRatesThatMadeTheLabels) {
  const Drawn drawn = draw(0.01, 0.1, 0.7, 0.01);
  const KeySequences sequences = group_by_key(drawn.ids);
  ChainEstimator estimator(sequences, drawn.times, drawn.frauds, {});
  bool settled = false;
  for (int i = 0; i < 100 && !settled; ++i) {
    settled = estimator.improve(estimator.expect(0, sequences.keys()));
  }
  EXPECT_TRUE(settled);
  const ChainRates& rates = estimator.rates();
  // 400 keys × 50 days hold about 180 starts: a standard error of 7 %.
  EXPECT_NEAR(rates.starts_per_day.value, 0.01, 0.003);
  EXPECT_NEAR(rates.ends_per_day.value, 0.1, 0.025);
  EXPECT_NEAR(rates.compromised_fraud.value, 0.7, 0.03);
  EXPECT_NEAR(rates.sound_fraud.value, 0.01, 0.002);
  EXPECT_LE(rates.starts_per_day.low, 0.01);
  EXPECT_GE(rates.starts_per_day.high, 0.01);

  std::vector<float> posterior(drawn.frauds.size());
  estimator.expect(0, sequences.keys(), posterior);
  std::size_t right = 0;
  for (std::size_t row = 0; row < posterior.size(); ++row) {
    right += (posterior[row] >= 0.5F) == drawn.compromised[row];
  }
  EXPECT_GT(static_cast<double>(right) / static_cast<double>(posterior.size()), 0.98);
}

TEST(ChainEstimator, TellsNoiseFromCompromises) {
  const auto estimated = [](const Drawn& drawn, const KeySequences& sequences) {
    ChainEstimator estimator(sequences, drawn.times, drawn.frauds, {});
    for (int i = 0; i < 100; ++i) {
      if (estimator.improve(estimator.expect(0, sequences.keys()))) break;
    }
    return estimator;
  };
  const Drawn some = draw(0.001, 0.1, 0.5, 0.01);
  const KeySequences seen = group_by_key(some.ids);
  EXPECT_TRUE(estimated(some, seen).sees_compromises());
  // Days with twice the frauds are no compromises.
  const Drawn none = draw(0.05, 1, 0.02, 0.01);
  const KeySequences sequences = group_by_key(none.ids);
  ChainEstimator estimator = estimated(none, sequences);
  EXPECT_FALSE(estimator.sees_compromises());
  estimator.assume_none_seen();
  const ChainRates& rates = estimator.rates();
  const double days = 400 * 599 * 2 / 24.0;
  EXPECT_LT(rates.starts_per_day.value, 1 / days);
  EXPECT_NEAR(rates.starts_per_day.high, 3 / days, 1e-6);
  EXPECT_GE(rates.compromised_fraud.value, 0.5);
  const auto frauds = std::accumulate(none.frauds.begin(), none.frauds.end(), 0.0);
  EXPECT_NEAR(rates.sound_fraud.value, frauds / static_cast<double>(none.frauds.size()), 1e-6);
}

TEST(ChainEstimator, PartsAddUpToTheWhole) {
  const Drawn drawn = draw(0.02, 0.2, 0.5, 0.01);
  const KeySequences sequences = group_by_key(drawn.ids);
  const ChainEstimator estimator(sequences, drawn.times, drawn.frauds, {});
  const ChainCounts whole = estimator.expect(0, sequences.keys());
  ChainCounts parts;
  for (std::size_t key = 0; key < sequences.keys(); key += 50) {
    parts.add(estimator.expect(key, std::min(key + 50, sequences.keys())));
  }
  EXPECT_NEAR(parts.starts, whole.starts, 1e-6);
  EXPECT_NEAR(parts.compromised_rows + parts.sound_rows, static_cast<double>(drawn.ids.size()),
              1e-6);
  const auto frauds = std::accumulate(drawn.frauds.begin(), drawn.frauds.end(), 0);
  EXPECT_NEAR(whole.compromised_frauds + whole.sound_frauds, frauds, 1e-6);
}

TEST(ChainEstimator, IgnoredRowsSayNothing) {
  Drawn drawn = draw(0.01, 0.1, 0.7, 0.01);
  const KeySequences sequences = group_by_key(drawn.ids);
  std::vector<std::uint8_t> ignored(drawn.frauds.size());
  for (std::size_t row = 0; row < ignored.size(); row += 3) ignored[row] = 1;
  const auto counts = [&] {
    return ChainEstimator(sequences, drawn.times, drawn.frauds, ignored)
        .expect(0, sequences.keys());
  };
  const ChainCounts before = counts();
  for (std::size_t row = 0; row < ignored.size(); row += 3) drawn.frauds[row] ^= 1;
  EXPECT_EQ(counts().starts, before.starts);
  EXPECT_EQ(counts().compromised_frauds, before.compromised_frauds);
}

TEST(ChainEstimator, WithoutFraudThereIsNothingToLearn) {
  const std::vector<std::int64_t> ids{1, 1, 2};
  const std::vector<Seconds> times{1, 2, 3};
  const std::vector<std::int8_t> frauds{0, 0, 0};
  const KeySequences sequences = group_by_key(ids);
  EXPECT_THROW(ChainEstimator(sequences, times, frauds, {}), Error);
}

TEST(KeySequences, GroupRowsByKeyInTheirOrder) {
  const std::vector<std::int64_t> ids{5, -9'000'000'000, 5, 7, -9'000'000'000};
  const KeySequences sequences = group_by_key(ids);
  EXPECT_EQ(sequences.keys(), 3U);
  EXPECT_EQ(sequences.rows, (std::vector<std::uint32_t>{1, 4, 0, 2, 3}));
  EXPECT_EQ(sequences.begins, (std::vector<std::size_t>{0, 2, 4, 5}));
}

}  // namespace
}  // namespace weir

#include "core/evaluation/damage_spread.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/transaction/hash.h"

namespace weir {
namespace {

TEST(DamageSpread, FraudsOfOneTerminalStandOrFallTogether) {
  DamageSpread together;
  DamageSpread apart;
  for (int i = 0; i < 100; ++i) {
    together.add(i, 7, 100);
    apart.add(i, i, 100);
  }
  EXPECT_DOUBLE_EQ(together.standard_error_minor(), 10'000);
  EXPECT_DOUBLE_EQ(apart.standard_error_minor(), 1'000);
  DamageSpread card;
  for (int i = 0; i < 100; ++i) card.add(7, i, 100);
  EXPECT_DOUBLE_EQ(card.standard_error_minor(), 10'000);
}

TEST(DamageSpread, TheIntervalHoldsTheTruthNineTimesOutOfTen) {
  // Months with compromises that come with probability 1/10 each at 200 terminals and let through
  // one to fifty frauds of 50 roubles.
  constexpr int kMonths = 2'000;
  int inside = 0;
  double expected = 0;
  for (std::uint64_t terminal = 0; terminal < 200; ++terminal) {
    expected += 0.1 * static_cast<double>(1 + terminal % 50) * 5'000;
  }
  for (std::uint64_t month = 0; month < kMonths; ++month) {
    DamageSpread spread;
    std::int64_t damage = 0;
    for (std::uint64_t terminal = 0; terminal < 200; ++terminal) {
      if (unit_interval(hash64(month, terminal, 1)) >= 0.1) continue;
      for (std::uint64_t fraud = 0; fraud < 1 + terminal % 50; ++fraud) {
        spread.add(static_cast<std::int64_t>(1'000 * terminal + fraud),
                   static_cast<std::int64_t>(terminal), 5'000);
        damage += 5'000;
      }
    }
    const Interval interval = spread.interval_minor(damage);
    inside += interval.low <= expected && expected <= interval.high;
  }
  // Few clusters, so a little short of 90 %.
  EXPECT_GT(inside, kMonths * 85 / 100);
  EXPECT_LT(inside, kMonths * 95 / 100);
}

TEST(DamageSpread, WithoutFraudThereIsNone) {
  EXPECT_EQ(DamageSpread().standard_error_minor(), 0);
  EXPECT_EQ(DamageSpread().interval_minor(0).high, 0);
}

}  // namespace
}  // namespace weir

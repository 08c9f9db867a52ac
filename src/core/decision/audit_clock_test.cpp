#include "core/decision/audit_clock.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/transaction/byte_io.h"

namespace weir {
namespace {

constexpr Seconds kStart = 1'600'000'000;
constexpr Seconds kGap = 60;
constexpr double kLossPerDay = 0.1;  // Roubles that a payment loses a day after the last look.

/// Number of payments from one look to the next, one payment a minute.
std::vector<int> gaps(AuditClock& clock, double cost, int payments, std::int64_t terminal = 1) {
  std::vector<int> result;
  int since = 0;
  for (int i = 0; i < payments; ++i) {
    ++since;
    const Seconds time = kStart + i * kGap;
    if (!clock.pass(terminal, time, kLossPerDay, cost).due) continue;
    clock.answered(terminal, time, time, true);
    result.push_back(since);
    since = 0;
  }
  return result;
}

TEST(AuditClock, LooksWhereTheExpectedLossReachesTheCost) {
  AuditClock clock(7);
  const auto found = gaps(clock, 0.5, 20'000);
  // n payments after a look lose about kLossPerDay × days-per-payment × n² / 2.
  const double wanted = std::sqrt(2 * 0.5 / (kLossPerDay * kGap / kSecondsPerDay));
  double sum = 0;
  for (const int gap : found) {
    EXPECT_GT(gap, wanted * std::sqrt(0.75) - 2);
    EXPECT_LT(gap, wanted * std::sqrt(1.25) + 2);
    sum += gap;
  }
  EXPECT_NEAR(sum / static_cast<double>(found.size()), wanted, 0.05 * wanted);
}

TEST(AuditClock, ThePhaseFollowsFromTheKeyAndTheTerminal) {
  AuditClock clock(7);
  AuditClock same(7);
  AuditClock other(8);
  const auto gaps_of_clock = gaps(clock, 0.5, 5'000);
  EXPECT_EQ(gaps_of_clock, gaps(same, 0.5, 5'000));
  EXPECT_NE(gaps_of_clock, gaps(other, 0.5, 5'000));
  EXPECT_NE(gaps_of_clock, gaps(same, 0.5, 5'000, 2));
}

TEST(AuditClock, TheProbabilityIsThatOfTheUnknownPhase) {
  // Over many keys, as many looks as the probabilities promise.
  double promised = 0;
  int due = 0;
  for (std::uint64_t key = 0; key < 400; ++key) {
    AuditClock clock(key);
    for (int i = 0; i < 200; ++i) {
      const AuditTurn turn = clock.pass(1, kStart + i * kGap, kLossPerDay, 0.5);
      promised += turn.probability;
      due += turn.due;
      if (turn.due) break;
    }
  }
  EXPECT_EQ(due, 400);
  EXPECT_NEAR(promised, due, 0.1 * due);
}

TEST(AuditClock, AnUnansweredLookIsRepeatedAtOnce) {
  AuditClock clock(7);
  Seconds time = kStart;
  while (!clock.pass(1, time, kLossPerDay, 0.5).due) time += kGap;
  EXPECT_FALSE(clock.pass(1, time + kGap, kLossPerDay, 0.5).due);
  clock.answered(1, time, time + 900, false);
  EXPECT_TRUE(clock.pass(1, time + 960, kLossPerDay, 0.5).due);
}

TEST(AuditClock, AnotherTellingAnswerIsALook) {
  AuditClock clock(7);
  AuditClock without(7);
  int looks = 0;
  int looks_without = 0;
  for (int i = 0; i < 5'000; ++i) {
    const Seconds time = kStart + i * kGap;
    if (i % 20 == 0) clock.answered(1, time - kGap / 2, time, true);
    looks += clock.pass(1, time, kLossPerDay, 0.5).due;
    looks_without += without.pass(1, time, kLossPerDay, 0.5).due;
  }
  EXPECT_GT(looks_without, 20);
  EXPECT_EQ(looks, 0);
}

TEST(AuditClock, ASnapshotGoesOnWhereItStopped) {
  AuditClock clock(7);
  gaps(clock, 0.5, 777);
  std::string bytes;
  clock.append_snapshot(bytes);
  AuditClock restored(7);
  ByteReader reader(bytes);
  restored.restore_snapshot(reader);
  EXPECT_EQ(gaps(clock, 0.5, 3'000), gaps(restored, 0.5, 3'000));
}

}  // namespace
}  // namespace weir

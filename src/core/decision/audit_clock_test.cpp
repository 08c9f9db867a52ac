#include "core/decision/audit_clock.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <vector>

#include "core/transaction/byte_io.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

constexpr Seconds kStart = 1'600'000'000;
constexpr Seconds kGap = 60;
constexpr double kLossPerDay = 0.1;  // Roubles that a payment loses a day after the last look.

/// Whether a look was due; then it is asked for.
bool look(AuditClock& clock, Seconds time, double cost, std::int64_t terminal = 1, double a = 0.8) {
  const bool due = clock.pass(terminal, time, kLossPerDay, cost, 1 - a).due;
  if (due) clock.asked(terminal, time);
  return due;
}

/// Number of payments from one look to the next, one payment a minute; answers come at once.
std::vector<int> gaps(AuditClock& clock, double cost, int payments, std::int64_t terminal = 1) {
  std::vector<int> result;
  int since = 0;
  for (int i = 0; i < payments; ++i) {
    ++since;
    const Seconds time = kStart + i * kGap;
    if (!look(clock, time, cost, terminal)) continue;
    clock.answered(terminal, time, time, true, 0.2);
    result.push_back(since);
    since = 0;
  }
  return result;
}

TEST(AuditClock, LooksWhereTheExpectedLossReachesTheCost) {
  AuditClock clock(7);
  const auto found = gaps(clock, 0.5, 20'000);
  // Payment n after a look loses kLossPerDay × n × days-per-payment =: n d, so the look is due
  // where (n² / 2 + 8 n) d = 1.5 × the cost.
  const auto wanted = [](double level) {
    const double d = kLossPerDay * kGap / kSecondsPerDay;
    return std::sqrt(64 + 2 * 1.5 * level * 0.5 / d) - 8;
  };
  double sum = 0;
  for (const int gap : found) {
    EXPECT_GT(gap, wanted(0.75) - 2);
    EXPECT_LT(gap, wanted(1.25) + 2);
    sum += gap;
  }
  EXPECT_NEAR(sum / static_cast<double>(found.size()), wanted(1), 0.05 * wanted(1));
}

TEST(AuditClock, ALookFallsOnADearPayment) {
  // One payment in a hundred is fifty times as dear; the looks find them.
  AuditClock clock(7);
  int looks = 0;
  int dear = 0;
  for (int i = 0; i < 50'000; ++i) {
    const Seconds time = kStart + i * kGap;
    const double worth = i % 100 == 0 ? 50 : 1;
    if (!clock.pass(1, time, kLossPerDay * worth, 0.5, 0).due) continue;
    clock.asked(1, time);
    clock.answered(1, time, time, true, 0);
    ++looks;
    dear += worth > 1;
  }
  EXPECT_GT(looks, 100);
  EXPECT_GT(dear, looks * 9 / 10);
}

TEST(AuditClock, AnAwaitedLookCountsAsTheShareThatIsAnswered) {
  // Answers take several gaps: with a = .5 looks come sqrt(2 / a - 1) times as often as with a = 1,
  // where each look settles what was before it.
  const auto looks = [](double a) {
    AuditClock clock(7);
    std::deque<Seconds> awaited;
    int count = 0;
    for (int i = 0; i < 400'000; ++i) {
      const Seconds time = kStart + i * kGap;
      if (!awaited.empty() && awaited.front() + 2'000 * kGap <= time) {
        const double chance = unit_interval(hash64(11, static_cast<std::uint64_t>(count)));
        clock.answered(1, awaited.front(), time, chance < a, 1 - a);
        awaited.pop_front();
      }
      if (!look(clock, time, 5, 1, a)) continue;
      awaited.push_back(time);
      ++count;
    }
    return count;
  };
  EXPECT_NEAR(static_cast<double>(looks(0.5)) / looks(1), std::sqrt(3), 0.1);
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
      const AuditTurn turn = clock.pass(1, kStart + i * kGap, kLossPerDay, 0.5, 0.2);
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
  while (!look(clock, time, 0.5)) time += kGap;
  EXPECT_FALSE(look(clock, time + kGap, 0.5));
  clock.answered(1, time, time + 900, false, 0.2);
  EXPECT_TRUE(look(clock, time + 960, 0.5));
  EXPECT_FALSE(look(clock, time + 1020, 0.5));
}

TEST(AuditClock, ADueLookIsDueUntilItIsAskedFor) {
  AuditClock clock(7);
  Seconds time = kStart;
  while (!clock.pass(1, time, kLossPerDay, 0.5, 0.2).due) time += kGap;
  // A dear one, then a cheap one: due, and no less possible for one who does not know the phase.
  for (const double worth : {20.0, 0.001}) {
    const AuditTurn again = clock.pass(1, time + kGap, kLossPerDay * worth, 0.5, 0.2);
    EXPECT_TRUE(again.due);
    EXPECT_GT(again.probability, 0);
  }
  clock.asked(1, time + kGap);
  EXPECT_FALSE(clock.pass(1, time + 2 * kGap, kLossPerDay, 0.5, 0.2).due);
}

TEST(AuditClock, AFreeLookIsDueOnceSomethingMayBeLost) {
  AuditClock clock(7);
  const AuditTurn first = clock.pass(1, kStart, kLossPerDay, 0, 0.2);
  EXPECT_FALSE(first.due);
  EXPECT_EQ(first.probability, 0);
  const AuditTurn second = clock.pass(1, kStart + kGap, kLossPerDay, 0, 0.2);
  EXPECT_TRUE(second.due);
  EXPECT_EQ(second.probability, 1);
}

TEST(AuditClock, AnOlderLookThatStaysSilentBringsTheNextOneForward) {
  // Two clocks with two looks awaited; the older one of one stays silent, then all is as before.
  AuditClock clock(7);
  AuditClock silent(7);
  std::vector<Seconds> asked;
  Seconds time = kStart;
  for (; asked.size() < 2; time += kGap) {
    const bool due = look(clock, time, 0.5);
    EXPECT_EQ(look(silent, time, 0.5), due);
    if (due) asked.push_back(time);
  }
  silent.answered(1, asked[0], time, false, 0.2);
  const auto next = [&](AuditClock& one) {
    Seconds at = time;
    while (!look(one, at, 0.5)) at += kGap;
    return at;
  };
  EXPECT_LT(next(silent), next(clock));
}

TEST(AuditClock, AnotherTellingAnswerIsALook) {
  AuditClock clock(7);
  AuditClock without(7);
  int looks = 0;
  int looks_without = 0;
  for (int i = 0; i < 5'000; ++i) {
    const Seconds time = kStart + i * kGap;
    if (i % 20 == 0) clock.answered(1, time - kGap / 2, time, true, 0.2);
    looks += look(clock, time, 0.5);
    looks_without += look(without, time, 0.5);
  }
  EXPECT_GT(looks_without, 20);
  EXPECT_EQ(looks, 0);
}

TEST(AuditClock, ASnapshotGoesOnWhereItStopped) {
  AuditClock clock(7);
  int i = 0;
  for (; i < 2'000; ++i) look(clock, kStart + i * kGap, 0.5);  // Awaited looks are in it.
  std::string bytes;
  clock.append_snapshot(bytes);
  AuditClock restored(7);
  ByteReader reader(bytes);
  restored.restore_snapshot(reader);
  int looks = 0;
  for (; i < 5'000; ++i) {
    const bool due = look(clock, kStart + i * kGap, 0.5);
    EXPECT_EQ(look(restored, kStart + i * kGap, 0.5), due);
    looks += due;
  }
  EXPECT_GT(looks, 5);
}

}  // namespace
}  // namespace weir

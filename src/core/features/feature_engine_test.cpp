#include "core/features/feature_engine.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "core/features/naive_features.h"
#include "core/features/test_streams.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

FeatureSpec spec_of(const std::string& inputs) {
  return FeatureSpec::parse("input = [" + inputs + "]", "test");
}

std::vector<float> row_of(FeatureEngine& engine, const Payment& payment) {
  std::vector<float> row(engine.spec().size(), -1.0F);
  engine.apply(payment, row);
  return row;
}

Feedback fraud_of(const Payment& payment, Seconds known_at) {
  return {payment, Outcome::kFraud, OutcomeSource::kChargeback, known_at};
}
Feedback genuine_of(const Payment& payment, Seconds known_at) {
  return {payment, Outcome::kGenuine, OutcomeSource::kMaturity, known_at};
}

constexpr Seconds kStart = 1'000'000;

TEST(FeatureEngine, CountsThePaymentItselfAndForgetsOneExactlyOneWindowOld) {
  FeatureEngine engine(spec_of(R"({ key = "customer", aggregate = "count", window = "100s" })"));
  EXPECT_THAT(row_of(engine, {1, kStart, 7, 1, 100}), ElementsAre(1.0F));
  EXPECT_THAT(row_of(engine, {2, kStart + 99, 7, 1, 100}), ElementsAre(2.0F));
  EXPECT_THAT(row_of(engine, {3, kStart + 100, 7, 1, 100}), ElementsAre(2.0F));
}

TEST(FeatureEngine, OfTheSameSecondOnlyEarlierOnesInTheLogCount) {
  FeatureEngine engine(spec_of(R"({ key = "customer", aggregate = "sum", window = "1d" })"));
  EXPECT_THAT(row_of(engine, {2, kStart, 7, 1, 100}), ElementsAre(1.0F));
  EXPECT_THAT(row_of(engine, {1, kStart, 7, 1, 250}), ElementsAre(3.5F));
}

TEST(FeatureEngine, ADelayedWindowEndsTheDelayAgo) {
  FeatureEngine engine(
      spec_of(R"({ key = "terminal", aggregate = "count", window = "100s", delay = "50s" })"));
  EXPECT_THAT(row_of(engine, {1, kStart, 1, 7, 100}), ElementsAre(0.0F));
  EXPECT_THAT(row_of(engine, {2, kStart + 49, 1, 7, 100}), ElementsAre(0.0F));
  EXPECT_THAT(row_of(engine, {3, kStart + 50, 1, 7, 100}), ElementsAre(1.0F));
  EXPECT_THAT(row_of(engine, {4, kStart + 150, 1, 7, 100}), ElementsAre(2.0F));
}

TEST(FeatureEngine, AnOutcomeCountsFromKnownAtOn) {
  FeatureEngine engine(
      spec_of(R"({ key = "terminal", aggregate = "known_fraud_count", window = "1d" })"));
  const Payment first{1, kStart, 1, 7, 100};
  row_of(engine, first);
  engine.apply(fraud_of(first, kStart + 100));
  EXPECT_THAT(row_of(engine, {2, kStart + 99, 1, 7, 100}), ElementsAre(0.0F));
  EXPECT_THAT(row_of(engine, {3, kStart + 100, 1, 7, 100}), ElementsAre(1.0F));
}

TEST(FeatureEngine, TheLaterKnownAtWinsWhateverTheOrderOfArrival) {
  const std::string inputs = R"(
      { key = "terminal", aggregate = "known_fraud_count", window = "1d" },
      { key = "terminal", aggregate = "known_genuine_count", window = "1d" })";
  const Payment first{1, kStart, 1, 7, 100};
  const Payment next{2, kStart + 1000, 1, 7, 100};
  for (const bool later_first : {false, true}) {
    FeatureEngine engine(spec_of(inputs));
    row_of(engine, first);
    if (later_first) engine.apply(genuine_of(first, kStart + 200));
    engine.apply(fraud_of(first, kStart + 100));
    if (!later_first) engine.apply(genuine_of(first, kStart + 200));
    EXPECT_THAT(row_of(engine, next), ElementsAre(0.0F, 1.0F));
    // A late payment sees what was known at its own time.
    EXPECT_THAT(row_of(engine, {3, kStart + 150, 1, 7, 100}), ElementsAre(1.0F, 0.0F));
    EXPECT_THAT(row_of(engine, {4, kStart + 50, 1, 7, 100}), ElementsAre(0.0F, 0.0F));
  }
}

TEST(FeatureEngine, AnUnansweredChallengeCountsAsNothing) {
  FeatureEngine engine(
      spec_of(R"({ key = "terminal", aggregate = "known_fraud_count", window = "1d" })"));
  const Payment first{1, kStart, 1, 7, 100};
  row_of(engine, first);
  engine.apply(fraud_of(first, kStart + 10));
  engine.apply(Feedback{first, Outcome::kUnanswered, OutcomeSource::kChallenge, kStart + 20});
  EXPECT_THAT(row_of(engine, {2, kStart + 30, 1, 7, 100}), ElementsAre(1.0F));
}

TEST(FeatureEngine, FraudTimesAndRunsFollowTheirDefinition) {
  FeatureEngine engine(spec_of(R"(
      { key = "terminal", aggregate = "time_since_first_known_fraud", window = "1000s" },
      { key = "terminal", aggregate = "time_since_last_known_fraud", window = "1000s" },
      { key = "terminal", aggregate = "known_genuine_since_last_known_fraud", window = "1000s" },
      { key = "terminal", aggregate = "risk", window = "1000s" })"));
  std::vector<Payment> payments;
  for (int i = 0; i < 5; ++i) payments.push_back({i, kStart + 100 * i, 1, 7, 100});
  for (const Payment& payment : payments) {
    EXPECT_THAT(row_of(engine, payment), ElementsAre(1000.0F, 1000.0F, 0.0F, 0.0F));
  }
  // g f f g g
  for (const int i : {3, 0, 4}) engine.apply(genuine_of(payments[i], kStart + 450));
  for (const int i : {2, 1}) engine.apply(fraud_of(payments[i], kStart + 450));
  EXPECT_THAT(row_of(engine, {9, kStart + 500, 1, 7, 100}),
              ElementsAre(400.0F, 300.0F, 2.0F, 2.0F / 5.0F));
  // The first fraud has left the window, the second has not.
  EXPECT_THAT(row_of(engine, {10, kStart + 1150, 1, 7, 100}),
              ElementsAre(950.0F, 950.0F, 2.0F, 1.0F / 3.0F));
  // Without a fraud in the window: the window, and all known genuine ones in it.
  EXPECT_THAT(row_of(engine, {11, kStart + 1250, 1, 7, 100}),
              ElementsAre(1000.0F, 1000.0F, 2.0F, 0.0F));
}

TEST(FeatureEngine, APaymentOlderThanAllThatIsRememberedIsScoredNotStored) {
  FeatureEngine engine(spec_of(R"({ key = "customer", aggregate = "count", window = "100s" })"));
  row_of(engine, {1, kStart, 7, 1, 100});
  row_of(engine, {2, kStart + 200'000, 7, 1, 100});
  EXPECT_THAT(row_of(engine, {3, kStart, 7, 1, 100}), ElementsAre(1.0F));
  EXPECT_EQ(engine.counters().too_late, 1u);
  EXPECT_THAT(row_of(engine, {4, kStart + 199'950, 7, 1, 100}), ElementsAre(1.0F));
  EXPECT_EQ(engine.counters().late, 1u);
  EXPECT_THAT(row_of(engine, {5, kStart + 200'049, 7, 1, 100}), ElementsAre(3.0F));
}

TEST(FeatureEngine, AmountsPastFourBytesStayExact) {
  FeatureEngine engine(spec_of(R"(
      { key = "customer", aggregate = "max", window = "1d" },
      { key = "customer", aggregate = "std", window = "1d" })"));
  row_of(engine, {1, kStart, 7, 1, 100});
  const std::int64_t huge = 5'000'000'000'000;
  const auto row = row_of(engine, {2, kStart + 1, 7, 1, huge + 100});
  EXPECT_EQ(row[0], static_cast<float>(static_cast<double>(huge + 100) / 100.0));
  // Of two values the sample deviation is their distance / sqrt(2).
  EXPECT_FLOAT_EQ(row[1], static_cast<float>(static_cast<double>(huge) / 100.0 / std::sqrt(2.0)));
}

TEST(FeatureEngine, ATimeOutsideItsRangeIsAnError) {
  FeatureEngine engine(FeatureSpec::builtin("handbook"));
  EXPECT_THAT(
      [&] { row_of(engine, {1, -1, 7, 1, 100}); },
      ThrowsMessage<Error>(HasSubstr("payment 1: event_time -1 s lies outside 1970..2105")));
}

// ------------------------------------------------------------------------- random streams

class RandomStreams : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomStreams, LiveEqualsBruteForceToTheBit) {
  const std::uint64_t seed = GetParam();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  const FeatureSpec spec = test::random_spec(seed);
  FeatureEngine engine(spec);
  NaiveFeatures naive(spec);
  std::vector<float> row(spec.size());
  std::vector<float> truth(spec.size());
  for (const test::Event& event : test::random_log(seed, 600)) {
    if (event.is_feedback) {
      engine.apply(event.feedback);
      naive.apply(event.feedback);
      continue;
    }
    engine.apply(event.payment, row);
    naive.apply(event.payment, truth);
    for (std::size_t i = 0; i < spec.size(); ++i) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(row[i]), std::bit_cast<std::uint32_t>(truth[i]))
          << spec.names()[i] << ": " << row[i] << " vs " << truth[i] << ", payment "
          << event.payment.transaction_id << " at " << event.payment.event_time;
    }
  }
}

TEST_P(RandomStreams, ASnapshotGoesOnAsIfNothingHadHappened) {
  const std::uint64_t seed = GetParam();
  const FeatureSpec spec = test::random_spec(seed);
  FeatureEngine engine(spec);
  std::vector<float> row(spec.size());
  std::vector<float> other(spec.size());
  const auto log = test::random_log(seed, 400);
  for (std::size_t i = 0; i < log.size(); ++i) {
    if (i == log.size() / 2) {
      const std::string bytes = engine.snapshot();
      FeatureEngine restored = FeatureEngine::restore(spec, bytes, "test");
      EXPECT_EQ(restored.snapshot(), bytes);
      EXPECT_EQ(restored.counters(), engine.counters());
      // The same by keys, into an engine that knew nothing.
      FeatureEngine by_key(spec);
      for (std::int64_t id = 0; id < test::kKeys; ++id) {
        by_key.restore_customer(id, engine.serialize_customer(id));
        by_key.restore_terminal(id, engine.serialize_terminal(id));
        EXPECT_EQ(by_key.serialize_customer(id), engine.serialize_customer(id));
      }
      for (std::size_t j = i; j < log.size(); ++j) {
        if (log[j].is_feedback) {
          restored.apply(log[j].feedback);
          by_key.apply(log[j].feedback);
          engine.apply(log[j].feedback);
          continue;
        }
        engine.apply(log[j].payment, row);
        restored.apply(log[j].payment, other);
        ASSERT_EQ(row, other) << "seed " << seed << " event " << j;
        by_key.apply(log[j].payment, other);
        ASSERT_EQ(row, other) << "seed " << seed << " event " << j;
      }
      EXPECT_EQ(restored.snapshot(), engine.snapshot());
      return;
    }
    if (log[i].is_feedback) {
      engine.apply(log[i].feedback);
    } else {
      engine.apply(log[i].payment, row);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomStreams, testing::Range<std::uint64_t>(1, 41));

TEST(FeatureEngine, ADamagedSnapshotIsAnError) {
  const FeatureSpec spec = FeatureSpec::builtin("weir");
  FeatureEngine engine(spec);
  std::vector<float> row(spec.size());
  for (const test::Event& event : test::random_log(5, 100)) {
    if (!event.is_feedback) engine.apply(event.payment, row);
  }
  std::string bytes = engine.snapshot();
  EXPECT_THAT([&] { FeatureEngine::restore(FeatureSpec::builtin("handbook"), bytes, "s.bin"); },
              ThrowsMessage<Error>(
                  testing::AllOf(HasSubstr("made for features " + spec.fingerprint()),
                                 HasSubstr(FeatureSpec::builtin("handbook").fingerprint()))));
  for (const std::size_t at : {bytes.size() / 3, bytes.size() - 1}) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_THAT([&] { FeatureEngine::restore(spec, damaged, "s.bin"); },
                ThrowsMessage<Error>(HasSubstr("feature snapshot s.bin")));
  }
  EXPECT_THAT([&] { FeatureEngine::restore(spec, "", "s.bin"); },
              ThrowsMessage<Error>(HasSubstr("not a feature snapshot")));
  const std::string key = engine.serialize_terminal(1);
  EXPECT_THAT([&] { engine.restore_terminal(1, key.substr(1)); },
              ThrowsMessage<Error>(HasSubstr("feature state of terminal 1")));
}

TEST(FeatureEngine, MemoryIsBoundedByTheWindow) {
  FeatureEngine engine(FeatureSpec::builtin("weir"));
  std::vector<float> row(engine.spec().size());
  std::size_t after_a_window = 0;
  for (int i = 0; i < 200'000; ++i) {
    const Payment payment{i, kStart + 300 * i, i % 3, i % 2, 100 + i % 1000};
    engine.apply(payment, row);
    engine.apply(genuine_of(payment, payment.event_time + 7 * kSecondsPerDay));
    if (i == 20'000) after_a_window = engine.memory_bytes();
  }
  EXPECT_LE(engine.memory_bytes(), 2 * after_a_window);
  engine.forget_idle(kStart + 300 * 199'997);
  EXPECT_EQ(engine.customers(), 2u);
}

TEST(FeatureEngine, MemoryOfABusyTimeIsGivenBack) {
  FeatureEngine engine(spec_of(R"({ key = "customer", aggregate = "sum", window = "1d" },
                 { key = "customer", aggregate = "count", window = "6h" })"));
  std::vector<float> row(engine.spec().size());
  Seconds time = kStart;
  for (std::int64_t i = 0; i < 2'000; ++i) engine.apply({i, time += 30, 1, 1, 100}, row);
  const std::size_t busy = engine.memory_bytes();
  for (std::int64_t i = 0; i < 2'000; ++i) engine.apply({2'000 + i, time += 3'600, 1, 1, 100}, row);
  EXPECT_THAT(row, ElementsAre(24.0F, 6.0F));
  EXPECT_LT(engine.memory_bytes(), busy - 1'500 * 8);
}

}  // namespace
}  // namespace weir

#include "core/features/feature_batch.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <bit>
#include <thread>
#include <vector>

#include "core/features/feature_engine.h"
#include "core/features/naive_features.h"
#include "core/features/test_streams.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

/// Payments in batch order with labels; many ties.
PaymentColumns random_payments(std::uint64_t seed, int rows, bool with_huge_amounts) {
  test::Chance chance(hash64(seed, 3));
  std::vector<Payment> payments;
  Seconds now = 1'600'000'000;
  const std::int64_t step = chance.one_in(2) ? 4 : 600;
  for (int i = 0; i < rows; ++i) {
    if (!chance.one_in(3)) now += chance.below(step);
    if (chance.one_in(100)) now += chance.below(30'000);
    payments.push_back({chance.below(1'000'000), now, chance.below(test::kKeys),
                        chance.below(test::kKeys) - 1, chance.below(50'000)});
    if (with_huge_amounts && chance.one_in(50)) payments.back().amount_minor += 5'000'000'000;
  }
  // Ids far apart take the other way of numbering keys.
  if (chance.one_in(2)) {
    for (Payment& payment : payments) payment.customer_id *= 1'000'000'000'000;
  }
  std::sort(payments.begin(), payments.end(), earlier_in_batch);
  PaymentColumns columns;
  const auto fraud_in = 2 + chance.below(4);
  for (const Payment& payment : payments) {
    columns.push_back(payment, {static_cast<std::int8_t>(chance.one_in(fraud_in)), 0});
  }
  return columns;
}

/// The definition of the batch: the live order of events.
template <typename Engine>
FeatureMatrix by_events(const PaymentView& payments, const FeatureSpec& spec, Seconds label_delay) {
  Engine engine(spec);
  FeatureMatrix matrix(payments.size(), spec.size());
  std::vector<float> row(spec.size());
  std::size_t matured = 0;
  for (std::size_t i = 0; i < payments.size(); ++i) {
    for (; payments.has_labels() && matured < i &&
           payments.event_time[matured] + label_delay <= payments.event_time[i];
         ++matured) {
      engine.apply(Feedback{payments[matured],
                            payments.is_fraud[matured] == 1 ? Outcome::kFraud : Outcome::kGenuine,
                            OutcomeSource::kMaturity, payments.event_time[matured] + label_delay});
    }
    engine.apply(payments[i], row);
    for (std::size_t c = 0; c < row.size(); ++c) matrix.column(c)[i] = row[c];
  }
  return matrix;
}

void expect_same_bits(const FeatureMatrix& got,
                      const FeatureMatrix& wanted,
                      const FeatureSpec& spec) {
  ASSERT_EQ(got.rows(), wanted.rows());
  for (std::size_t c = 0; c < spec.size(); ++c) {
    for (std::size_t row = 0; row < got.rows(); ++row) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(got.column(c)[row]),
                std::bit_cast<std::uint32_t>(wanted.column(c)[row]))
          << spec.names()[c] << " of row " << row << ": " << got.column(c)[row] << " vs "
          << wanted.column(c)[row];
    }
  }
}

class RandomPeriods : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomPeriods, BatchEqualsLiveAndBruteForceToTheBit) {
  const std::uint64_t seed = GetParam();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  const FeatureSpec spec = test::random_spec(seed);
  const PaymentColumns payments = random_payments(seed, 500, seed % 5 == 0);
  const Seconds label_delay = std::vector<Seconds>{0, 1, 60, 500, 4'000, 30'000}[seed % 6];
  PaymentView view = payments.view();
  if (seed % 7 == 0) view.is_fraud = view.fraud_scenario = {};
  const FeatureMatrix batch = compute_features(view, spec, label_delay);
  expect_same_bits(batch, by_events<FeatureEngine>(view, spec, label_delay), spec);
  expect_same_bits(batch, by_events<NaiveFeatures>(view, spec, label_delay), spec);
}

TEST_P(RandomPeriods, ThreadsAndChunksDoNotMatter) {
  const std::uint64_t seed = GetParam();
  const FeatureSpec spec = test::random_spec(seed);
  const PaymentColumns payments = random_payments(seed, 700, false);
  const FeatureMatrix whole = compute_features(payments.view(), spec, 500);
  FeatureMatrix parts(payments.size(), spec.size());
  FeatureBatch batch(payments.view(), spec, 500);
  std::vector<std::thread> threads;
  for (std::size_t part = 0; part < batch.part_count(); ++part) {
    threads.emplace_back([&, part] {
      for (std::size_t begin = 0; begin < payments.size();) {
        const std::size_t end = std::min(payments.size(), begin + 1 + (begin * 7 + seed) % 200);
        std::vector<float*> columns;
        for (std::size_t c = 0; c < spec.size(); ++c) {
          columns.push_back(parts.column(c).data() + begin);
        }
        batch.compute(part, begin, end, columns);
        begin = end;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect_same_bits(parts, whole, spec);
}

TEST_P(RandomPeriods, NoFeatureChangesBeforeALabelBecomesKnown) {
  const std::uint64_t seed = GetParam();
  const FeatureSpec spec = test::random_spec(seed);
  PaymentColumns payments = random_payments(seed, 600, false);
  const Seconds label_delay = 500;
  const Seconds cut = payments.event_time[300];
  const FeatureMatrix before = compute_features(payments.view(), spec, label_delay);
  test::Chance chance(seed);
  for (std::size_t row = 0; row < payments.size(); ++row) {
    if (payments.event_time[row] + label_delay >= cut) {
      payments.is_fraud[row] = static_cast<std::int8_t>(chance.below(2));
      payments.fraud_scenario[row] = static_cast<std::int8_t>(chance.below(4));
    }
  }
  const FeatureMatrix after = compute_features(payments.view(), spec, label_delay);
  for (std::size_t c = 0; c < spec.size(); ++c) {
    for (std::size_t row = 0; payments.event_time[row] < cut; ++row) {
      ASSERT_EQ(after.column(c)[row], before.column(c)[row]) << spec.names()[c] << " " << row;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomPeriods, testing::Range<std::uint64_t>(1, 61));

TEST(FeatureBatch, WithoutRowsThereAreNoFeatures) {
  const FeatureMatrix none = compute_features({}, FeatureSpec::builtin("weir"), 0);
  EXPECT_EQ(none.rows(), 0u);
}

TEST(FeatureBatch, RowsOutOfOrderAreAnError) {
  PaymentColumns payments;
  payments.push_back({5, 1'600'000'000, 1, 1, 100});
  payments.push_back({4, 1'600'000'000, 1, 1, 100});
  EXPECT_THAT(
      [&] { compute_features(payments.view(), FeatureSpec::builtin("weir"), 0); },
      ThrowsMessage<Error>(HasSubstr("payment 4 at 2020-09-13 12:26:40 stands after payment 5")));
}

}  // namespace
}  // namespace weir

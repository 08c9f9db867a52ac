#include "core/profiling/data_profile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/evaluation/stability_index.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

constexpr Seconds kStart = 1'566'432'000;  // 2019-08-22, a Thursday.

/// Ten days of payments whose keys are skewed and whose amounts have a long tail.
PaymentColumns sample(std::size_t rows) {
  PaymentColumns columns;
  for (std::size_t i = 0; i < rows; ++i) {
    const auto draw = [&](std::uint64_t what) { return unit_interval(hash64(7, i, what)); };
    Payment payment;
    payment.transaction_id = static_cast<std::int64_t>(i);
    payment.event_time = kStart + static_cast<Seconds>(draw(1) * 10 * kSecondsPerDay);
    payment.customer_id = static_cast<std::int64_t>(draw(2) * draw(2) * 50);
    payment.terminal_id = draw(3) < 0.01 ? 89'518'096 : static_cast<std::int64_t>(draw(3) * 9);
    payment.amount_minor = static_cast<std::int64_t>(5000 / (0.01 + draw(4)));
    const bool fraud = draw(5) < 0.1;
    columns.push_back(payment, {fraud, static_cast<std::int8_t>(fraud ? 1 + i % 3 : 0)});
  }
  return columns;
}

TEST(DataProfile, CountsWhatIsThere) {
  const PaymentColumns columns = sample(5'000);
  const DataProfile profile = profile_payments(columns.view());
  EXPECT_TRUE(profile.labelled);
  EXPECT_EQ(profile.count.rows, 5'000);
  EXPECT_EQ(
      profile.count.amount_minor,
      std::accumulate(columns.amount_minor.begin(), columns.amount_minor.end(), std::int64_t{0}));
  EXPECT_EQ(profile.count.frauds,
            std::count(columns.is_fraud.begin(), columns.is_fraud.end(), std::int8_t{1}));
  ASSERT_EQ(profile.days.size(), 10U);
  const auto sums_up = [&](const auto& parts) {
    ProfileCount sum;
    for (const ProfileCount& part : parts) {
      sum.rows += part.rows;
      sum.amount_minor += part.amount_minor;
      sum.frauds += part.frauds;
      sum.fraud_amount_minor += part.fraud_amount_minor;
    }
    return sum == profile.count;
  };
  EXPECT_TRUE(sums_up(profile.hours));
  EXPECT_TRUE(sums_up(profile.weekdays));
  EXPECT_TRUE(sums_up(profile.scenarios));
  EXPECT_EQ(profile.days[0].day, kStart);
  EXPECT_EQ(profile.days[0].count.rows,
            std::count_if(columns.event_time.begin(), columns.event_time.end(),
                          [](Seconds time) { return time < kStart + kSecondsPerDay; }));
  // The 22nd and the 29th are Thursdays.
  EXPECT_EQ(profile.weekdays[3].rows, profile.days[0].count.rows + profile.days[7].count.rows);
}

TEST(DataProfile, QuantilesAndMomentsEqualThoseOfTheSortedAmounts) {
  const PaymentColumns columns = sample(3'001);
  const DataProfile profile = profile_payments(columns.view());
  std::vector<std::int64_t> sorted = columns.amount_minor;
  std::sort(sorted.begin(), sorted.end());
  for (const Quantile& quantile : profile.amounts.quantiles) {
    const auto rank = static_cast<std::size_t>(std::ceil(quantile.share * 3'001));
    EXPECT_EQ(quantile.value, sorted[std::max<std::size_t>(rank, 1) - 1]) << quantile.share;
  }
  const double mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / 3'001;
  double squares = 0;
  for (const std::int64_t amount : sorted) {
    squares += std::pow(static_cast<double>(amount) - mean, 2) / 3'001;
  }
  EXPECT_NEAR(profile.amounts.mean_minor / mean, 1, 1e-12);
  EXPECT_NEAR(profile.amounts.deviation_minor / std::sqrt(squares), 1, 1e-12);
  std::int64_t in_bins = 0;
  for (const AmountBin& bin : profile.amounts.histogram) {
    EXPECT_EQ(bin.genuine + bin.frauds,
              std::count_if(sorted.begin(), sorted.end(), [&](std::int64_t amount) {
                return bin.from_minor <= amount && amount < bin.until_minor;
              }));
    in_bins += bin.genuine + bin.frauds;
  }
  EXPECT_EQ(in_bins, 3'001);
}

TEST(DataProfile, SkewOfKeysEqualsTheDefinition) {
  const PaymentColumns columns = sample(4'000);
  const DataProfile profile = profile_payments(columns.view());
  std::map<std::int64_t, double> payments;
  for (const std::int64_t customer : columns.customer_id) ++payments[customer];
  double differences = 0;
  for (const auto& [left, left_count] : payments) {
    for (const auto& [right, right_count] : payments) {
      differences += std::abs(left_count - right_count);
    }
  }
  const auto keys = static_cast<double>(payments.size());
  EXPECT_EQ(profile.customers.keys, static_cast<std::int64_t>(payments.size()));
  EXPECT_NEAR(profile.customers.gini, differences / (2 * keys * 4'000), 1e-12);
  EXPECT_EQ(profile.customers.busiest[0].key, 0);
  EXPECT_EQ(static_cast<double>(profile.customers.busiest[0].rows), payments[0]);
  EXPECT_DOUBLE_EQ(profile.customers.busiest_percent_share, payments[0] / 4'000);
  EXPECT_EQ(profile.terminals.keys, 10);  // The stray one too.
  EXPECT_EQ(profile.terminals.busiest.back().key, 89'518'096);
  EXPECT_EQ(profile.terminals.payments_a_key.back().value, profile.terminals.busiest[0].rows);
}

TEST(DataProfile, MeasuresDriftBetweenTheTwoPeriods) {
  PaymentColumns columns = sample(6'000);
  const Seconds split = kStart + 6 * kSecondsPerDay;
  const DataProfile steady = profile_payments(columns.view(), split);
  for (const ColumnDrift& drift : steady.drift) {
    if (drift.column != "weekday") {  // Ten days do not hold each as often.
      EXPECT_LT(drift.stability_index, 0.02) << drift.column;
    }
    std::vector<std::int64_t> before;
    std::vector<std::int64_t> after;
    for (const DriftBin& bin : drift.bins) {
      before.push_back(bin.before);
      after.push_back(bin.after);
    }
    EXPECT_EQ(std::accumulate(before.begin(), before.end(), std::int64_t{0}) +
                  std::accumulate(after.begin(), after.end(), std::int64_t{0}),
              6'000);
    EXPECT_DOUBLE_EQ(drift.stability_index, population_stability_index(before, after));
  }
  for (std::size_t row = 0; row < columns.size(); ++row) {
    if (columns.event_time[row] >= split) columns.amount_minor[row] *= 3;
  }
  const DataProfile changed = profile_payments(columns.view(), split);
  EXPECT_EQ(changed.drift[0].column, "amount");
  EXPECT_GT(changed.drift[0].stability_index, 0.25);
  EXPECT_EQ(changed.drift[4].stability_index, steady.drift[4].stability_index);
}

TEST(DataProfile, RefusesASplitOutsideTheData) {
  const PaymentColumns columns = sample(10);
  try {
    profile_payments(columns.view(), kStart - kSecondsPerDay);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(std::string(error.what()).substr(0, 70),
              "no payment on one side of 2019-08-21 00:00:00: the data reach from 201");
  }
}

TEST(DataProfile, OneUnlabelledPaymentIsADataSet) {
  PaymentColumns columns;
  columns.push_back(Payment{1, kStart + 5, 2, 3, 0});
  const DataProfile profile = profile_payments(columns.view());
  EXPECT_FALSE(profile.labelled);
  EXPECT_TRUE(profile.drift.empty());
  EXPECT_EQ(profile.amounts.zeros, 1);
  EXPECT_EQ(profile.customers.gini, 0);
  const auto json = nlohmann::json::parse(format_profile(profile));
  EXPECT_EQ(json["rows"], 1);
  EXPECT_FALSE(json.contains("frauds"));
  EXPECT_FALSE(json.contains("scenarios"));
}

}  // namespace
}  // namespace weir

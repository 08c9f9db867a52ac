#include "core/profiling/data_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/evaluation/stability_index.h"
#include "core/profiling/counted_values.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

using Entry = CountedValues::Entry;

constexpr std::array<double, 11> kAmountShares = {0,    0.01, 0.05,  0.25,  0.5, 0.75,
                                                  0.95, 0.99, 0.995, 0.999, 1};
constexpr std::array<double, 7> kKeyShares = {0, 0.05, 0.25, 0.5, 0.75, 0.95, 1};
constexpr std::size_t kDriftBins = 10;
constexpr std::size_t kBusiestKeys = 10;

void add(ProfileCount& count, std::int64_t amount, bool fraud) {
  ++count.rows;
  count.amount_minor += amount;
  if (!fraud) return;
  ++count.frauds;
  count.fraud_amount_minor += amount;
}

/// The columns, one row at a time.
class Rows {
 public:
  explicit Rows(const PaymentView& payments) : payments_(payments) {}
  std::size_t size() const { return payments_.size(); }
  bool fraud(std::size_t row) const {
    return !payments_.is_fraud.empty() && payments_.is_fraud[row] != 0;
  }
  std::size_t scenario(std::size_t row) const {
    if (payments_.fraud_scenario.empty()) return 0;
    const auto scenario = static_cast<std::size_t>(payments_.fraud_scenario[row]);
    return std::min(scenario, kProfiledScenarios - 1);
  }
  const PaymentView& operator*() const { return payments_; }

 private:
  const PaymentView& payments_;
};

std::vector<Quantile> quantiles(std::span<const Entry> entries, std::span<const double> shares) {
  std::vector<Quantile> found;
  for (const double share : shares) found.push_back({share, quantile(entries, share)});
  return found;
}

/// Bins up to `largest`: below one rouble, then ten for each power of ten.
std::vector<AmountBin> amount_bins(std::int64_t largest) {
  std::vector<AmountBin> bins = {{0, 100, 0, 0}};
  for (int i = 1; bins.back().until_minor <= largest; ++i) {
    const std::int64_t until = std::llround(100 * std::pow(10.0, i / 10.0));
    bins.push_back({bins.back().until_minor, until, 0, 0});
  }
  return bins;
}

AmountProfile profile_amounts(const Rows& rows) {
  AmountProfile profile;
  CountedValues genuine(1 << 18);
  CountedValues frauds(1 << 18);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    (rows.fraud(row) ? frauds : genuine).add((*rows).amount_minor[row]);
  }
  const auto genuine_amounts = genuine.entries();
  const auto fraud_amounts = frauds.entries();
  std::vector<Entry> all;
  std::merge(genuine_amounts.begin(), genuine_amounts.end(), fraud_amounts.begin(),
             fraud_amounts.end(), std::back_inserter(all),
             [](const Entry& left, const Entry& right) { return left.value < right.value; });
  profile.quantiles = quantiles(all, kAmountShares);
  const auto n = static_cast<double>(rows.size());
  for (const Entry& entry : all) {
    if (entry.value == 0) profile.zeros += entry.times;
    profile.mean_minor += static_cast<double>(entry.value) * static_cast<double>(entry.times) / n;
  }
  double squares = 0;
  for (const Entry& entry : all) {
    const double distance = static_cast<double>(entry.value) - profile.mean_minor;
    squares += distance * distance * static_cast<double>(entry.times) / n;
  }
  profile.deviation_minor = std::sqrt(squares);

  profile.histogram = amount_bins(all.back().value);
  const auto bin_of = [&](std::int64_t amount) -> AmountBin& {
    return *std::partition_point(profile.histogram.begin(), profile.histogram.end(),
                                 [&](const AmountBin& bin) { return bin.until_minor <= amount; });
  };
  for (const Entry& entry : genuine_amounts) bin_of(entry.value).genuine += entry.times;
  for (const Entry& entry : fraud_amounts) bin_of(entry.value).frauds += entry.times;
  return profile;
}

KeyProfile profile_keys(std::span<const std::int64_t> keys, const Rows& rows) {
  CountedValues counted(1 << 20);
  std::unordered_map<std::int64_t, std::int64_t> frauds;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    counted.add(keys[row]);
    if (rows.fraud(row)) ++frauds[keys[row]];
  }
  std::vector<Entry> by_rows = counted.entries();
  std::stable_sort(by_rows.begin(), by_rows.end(),
                   [](const Entry& left, const Entry& right) { return left.times > right.times; });
  KeyProfile profile;
  profile.keys = static_cast<std::int64_t>(by_rows.size());
  profile.keys_with_fraud = static_cast<std::int64_t>(frauds.size());
  for (std::size_t i = 0; i < std::min(kBusiestKeys, by_rows.size()); ++i) {
    const auto fraud = frauds.find(by_rows[i].value);
    profile.busiest.push_back(
        {by_rows[i].value, by_rows[i].times, fraud == frauds.end() ? 0 : fraud->second});
  }
  const auto n = static_cast<double>(rows.size());
  const std::size_t one_percent = std::max<std::size_t>(1, by_rows.size() / 100);
  for (std::size_t i = 0; i < one_percent; ++i) {
    profile.busiest_percent_share += static_cast<double>(by_rows[i].times) / n;
  }
  // G = Σ (2 i − k − 1) x_i / (k Σ x), x ascending, i from 1 to k.
  CountedValues how_many(1 << 16);
  double weighted = 0;
  const auto k = static_cast<double>(by_rows.size());
  for (std::size_t i = 0; i < by_rows.size(); ++i) {
    const double rank = k - static_cast<double>(i);
    weighted += (2 * rank - k - 1) * static_cast<double>(by_rows[i].times);
    how_many.add(by_rows[i].times);
  }
  profile.gini = weighted / (k * n);
  profile.payments_a_key = quantiles(how_many.entries(), kKeyShares);
  return profile;
}

/// Rows of both periods in bins.
class DriftCounter {
 public:
  DriftCounter(std::string column, std::vector<std::string> bins) {
    drift_.column = std::move(column);
    for (std::string& bin : bins) drift_.bins.push_back({std::move(bin), 0, 0});
  }

  void add(std::size_t bin, bool after) {
    ++(after ? drift_.bins[bin].after : drift_.bins[bin].before);
  }

  ColumnDrift finish() {
    std::vector<std::int64_t> before;
    std::vector<std::int64_t> after;
    for (const DriftBin& bin : drift_.bins) {
      before.push_back(bin.before);
      after.push_back(bin.after);
    }
    drift_.stability_index = population_stability_index(before, after);
    return std::move(drift_);
  }

 private:
  ColumnDrift drift_;
};

/// Drift of a number's distribution, in the bins between the first period's deciles.
ColumnDrift number_drift(const std::string& column,
                         std::span<const std::int64_t> values,
                         std::span<const Seconds> times,
                         Seconds split,
                         std::string (*name)(std::int64_t)) {
  CountedValues before(1 << 20);
  for (std::size_t row = 0; row < values.size(); ++row) {
    if (times[row] < split) before.add(values[row]);
  }
  const auto entries = before.entries();
  std::vector<std::int64_t> edges;  // Bin i: edges[i-1] < value <= edges[i].
  for (std::size_t i = 1; i < kDriftBins; ++i) {
    const std::int64_t edge =
        quantile(entries, static_cast<double>(i) / static_cast<double>(kDriftBins));
    if (edges.empty() || edge > edges.back()) edges.push_back(edge);
  }
  std::vector<std::string> names;
  for (const std::int64_t edge : edges) names.push_back("to " + name(edge));
  names.push_back("above");
  DriftCounter counter(column, names);
  for (std::size_t row = 0; row < values.size(); ++row) {
    const auto bin = std::lower_bound(edges.begin(), edges.end(), values[row]) - edges.begin();
    counter.add(static_cast<std::size_t>(bin), times[row] >= split);
  }
  return counter.finish();
}

template <typename BinOf>
ColumnDrift category_drift(const std::string& column,
                           const std::vector<std::string>& bins,
                           std::span<const Seconds> times,
                           Seconds split,
                           BinOf bin_of) {
  DriftCounter counter(column, bins);
  for (std::size_t row = 0; row < times.size(); ++row)
    counter.add(bin_of(row), times[row] >= split);
  return counter.finish();
}

std::size_t hour_of(Seconds time) {
  return static_cast<std::size_t>((time - day_start(time)) / 3600);
}

std::vector<ColumnDrift> profile_drift(const Rows& rows, Seconds split) {
  const PaymentView& payments = *rows;
  const auto times = payments.event_time;
  const auto plain = [](std::int64_t value) { return fmt::format("{}", value); };
  const auto roubles = [](std::int64_t value) {
    return fmt::format("{}.{:02}", value / 100, value % 100);
  };
  std::vector<std::string> hours;
  for (int hour = 0; hour < 24; hour += 3)
    hours.push_back(fmt::format("{:02}-{:02} h", hour, hour + 3));
  std::vector<ColumnDrift> drift;
  drift.push_back(number_drift("amount", payments.amount_minor, times, split, roubles));
  drift.push_back(category_drift("hour", hours, times, split,
                                 [&](std::size_t row) { return hour_of(times[row]) / 3; }));
  drift.push_back(category_drift(
      "weekday", {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}, times, split,
      [&](std::size_t row) { return static_cast<std::size_t>(weekday(times[row])); }));
  drift.push_back(number_drift("customer_id", payments.customer_id, times, split, plain));
  drift.push_back(number_drift("terminal_id", payments.terminal_id, times, split, plain));
  if (!payments.is_fraud.empty()) {
    drift.push_back(category_drift("is_fraud", {"genuine", "fraud"}, times, split,
                                   [&](std::size_t row) { return rows.fraud(row) ? 1U : 0U; }));
  }
  return drift;
}

}  // namespace

DataProfile profile_payments(const PaymentView& payments, std::optional<Seconds> drift_split) {
  WEIR_CHECK(payments.size() != 0);
  const Rows rows(payments);
  DataProfile profile;
  profile.labelled = !payments.is_fraud.empty();
  const auto [first, last] =
      std::minmax_element(payments.event_time.begin(), payments.event_time.end());
  profile.first_time = *first;
  profile.last_time = *last;
  const Seconds first_day = day_start(profile.first_time);
  for (Seconds day = first_day; day <= profile.last_time; day += kSecondsPerDay) {
    profile.days.push_back({day, {}, {}});
  }
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const Seconds time = payments.event_time[row];
    const std::int64_t amount = payments.amount_minor[row];
    const bool fraud = rows.fraud(row);
    DayProfile& day = profile.days[static_cast<std::size_t>((time - first_day) / kSecondsPerDay)];
    add(profile.count, amount, fraud);
    add(day.count, amount, fraud);
    ++day.scenario_rows[rows.scenario(row)];
    add(profile.hours[hour_of(time)], amount, fraud);
    add(profile.weekdays[static_cast<std::size_t>(weekday(time))], amount, fraud);
    add(profile.scenarios[rows.scenario(row)], amount, fraud);
  }
  profile.amounts = profile_amounts(rows);
  profile.customers = profile_keys(payments.customer_id, rows);
  profile.terminals = profile_keys(payments.terminal_id, rows);
  const Seconds middle = profile.first_time + (profile.last_time - profile.first_time) / 2;
  profile.drift_split = drift_split.value_or(day_start(middle + kSecondsPerDay / 2));
  if (profile.first_time < profile.drift_split && profile.drift_split <= profile.last_time) {
    profile.drift = profile_drift(rows, profile.drift_split);
  } else if (drift_split) {
    throw UsageError(fmt::format(
        "no payment on one side of {}: the data reach from {} to {}; choose a --split between",
        format_datetime(*drift_split), format_datetime(profile.first_time),
        format_datetime(profile.last_time)));
  }
  return profile;
}

}  // namespace weir

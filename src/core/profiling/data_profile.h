#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/transaction/payment.h"

namespace weir {

/// Rows, frauds and money of some part of a data set.
struct ProfileCount {
  std::int64_t rows = 0;
  std::int64_t amount_minor = 0;
  std::int64_t frauds = 0;
  std::int64_t fraud_amount_minor = 0;

  friend bool operator==(const ProfileCount&, const ProfileCount&) = default;
};

inline constexpr std::size_t kProfiledScenarios = 7;  ///< 0 genuine, 1 … 6.

struct DayProfile {
  Seconds day = 0;  ///< Midnight UTC.
  ProfileCount count;
  std::array<std::int64_t, kProfiledScenarios> scenario_rows{};
};

/// An exact quantile: the smallest value with at least `share` of the rows at or below it.
struct Quantile {
  double share = 0;
  std::int64_t value = 0;
};

/// Payments with `from` <= amount < `until` (kopecks).
struct AmountBin {
  std::int64_t from_minor = 0;
  std::int64_t until_minor = 0;
  std::int64_t genuine = 0;
  std::int64_t frauds = 0;
};

struct AmountProfile {
  std::int64_t zeros = 0;
  double mean_minor = 0;
  double deviation_minor = 0;  ///< Of the population: divided by n.
  std::vector<Quantile> quantiles;
  std::vector<AmountBin> histogram;  ///< Below one rouble, then ten bins for each power of ten.
};

struct BusyKey {
  std::int64_t key = 0;
  std::int64_t rows = 0;
  std::int64_t frauds = 0;
};

/// How payments spread over customers or terminals.
struct KeyProfile {
  std::int64_t keys = 0;
  std::vector<Quantile> payments_a_key;
  double busiest_percent_share = 0;  ///< Share of rows of the busiest 1 % of keys (at least one).
  double gini = 0;                   ///< 0: all as busy; near 1: a few have everything.
  std::int64_t keys_with_fraud = 0;
  std::vector<BusyKey> busiest;  ///< At most ten; ties by key.
};

struct DriftBin {
  std::string name;
  std::int64_t before = 0;  ///< Rows of the first period.
  std::int64_t after = 0;
};

struct ColumnDrift {
  std::string column;
  double stability_index = 0;
  std::vector<DriftBin> bins;
};

/// What is in a data set.
struct DataProfile {
  bool labelled = false;
  ProfileCount count;
  Seconds first_time = 0;
  Seconds last_time = 0;
  std::vector<DayProfile> days;  ///< Every day from the first to the last, empty ones included.
  std::array<ProfileCount, 24> hours{};
  std::array<ProfileCount, 7> weekdays{};  ///< Monday first.
  std::array<ProfileCount, kProfiledScenarios> scenarios{};
  AmountProfile amounts;
  KeyProfile customers;
  KeyProfile terminals;
  Seconds drift_split = 0;  ///< The second period begins here.
  std::vector<ColumnDrift> drift;
};

/// Profiles labelled or unlabelled payments, in any order, at least one. The periods whose drift is
/// measured meet at `drift_split` (by default the midnight nearest the middle of the time covered).
/// About 60 ns a row; memory: counters of the keys and of the amounts.
///
/// Throws UsageError when a period holds no payment.
DataProfile profile_payments(const PaymentView& payments,
                             std::optional<Seconds> drift_split = std::nullopt);

/// profile.json.
std::string format_profile(const DataProfile& profile);

}  // namespace weir

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/transaction/payment.h"

namespace weir {

/// What the raw files look like.
enum class RawFormat : std::uint8_t {
  kCourse,   ///< `# tranaction_id | …` and comma-separated rows, `.txt`.
  kHandbook  ///< CSV with the Fraud Detection Handbook's column names, `.csv`.
};

enum class RowOrder : std::uint8_t { kCustomer, kTime };  ///< Inside a day.

/// What a customer with no terminal in reach does.
enum class OutOfReach : std::uint8_t {
  kTerminalZero,  ///< Pays at terminal 0, which so is far too busy, as it is in the course's data.
  kNoPayments     ///< Never pays, as in the handbook.
};

/// All parameters of a simulated data set, after the public rules of the Fraud Detection Handbook's
/// simulator (chapter 3, "Transaction data simulator"). The defaults are the handbook's.
///
/// Customers and terminals lie at random in a square of 100 × 100. A customer has a mean amount
/// m ~ U(5, 100) roubles and a mean of U(0, 2 · mean_payments_per_day) payments a day; each day
/// brings a Poisson number of them, each at second N(43200, 20000) (dropped outside the day), of
/// N(m, m/2) roubles (U(0, 2m) when negative), at one of the terminals nearer than `radius`.
/// Frauds: scenario 1 = any amount above 220; scenario 2 = every payment of a compromised terminal
/// during its episode; scenario 3 = a third of the payments of a compromised customer during the
/// episode, with five times the amount. A later scenario overwrites an earlier one.
struct SimulationSpec {
  std::int64_t customers = 5'000;
  std::int64_t terminals = 10'000;
  double radius = 5;
  double mean_payments_per_day = 2;  ///< Of a customer, before those outside the day are dropped.
  std::int64_t days = 183;
  Seconds start = 1'522'540'800;  ///< Midnight of the first day; 2018-04-01.

  double terminal_starts_per_day = 2;
  Seconds terminal_episode = 28 * kSecondsPerDay;
  double terminal_fraud_share = 1;  ///< Of a compromised terminal's payments.
  double customer_starts_per_day = 3;
  Seconds customer_episode = 14 * kSecondsPerDay;
  /// Exactly that many different ones a day, at midnight, not on the last day (the handbook's way);
  /// else a Poisson number, each at a random second.
  bool midnight_starts = true;
  /// Episodes also begin in the time before the first day, so that fraud does not ramp up.
  bool warm_start = false;

  RawFormat format = RawFormat::kHandbook;
  RowOrder order = RowOrder::kTime;
  OutOfReach out_of_reach = OutOfReach::kNoPayments;
  std::int64_t days_per_file = 0;  ///< 0: all in one file.
  double defects = 0;              ///< Multiplier of the real data's defect rates; 0 plants none.
  std::uint64_t seed = 1;

  /// `course`, `course-small` or `handbook`. Throws UsageError for another name.
  static SimulationSpec preset(std::string_view name);

  /// Throws UsageError naming the first parameter out of its range.
  void validate() const;

  Seconds end() const { return start + days * kSecondsPerDay; }
  /// Payments to be expected, for progress only.
  std::int64_t expected_payments() const;
};

inline constexpr std::string_view kSimulationPresets = "course, course-small or handbook";

/// Amounts above this are frauds of scenario 1 (kopecks).
inline constexpr std::int64_t kLargestGenuineAmountMinor = 220'00;

}  // namespace weir

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/transaction/payment.h"

namespace weir {

/// What may be lost in a month of 30 days.
struct LossBudget {
  std::int64_t month_minor = 500'000'00;
};

inline constexpr int kBudgetMonthDays = 30;

/// How fast a budget is spent: 1 spends exactly the budget in 30 days, 2 in 15. Over the last day,
/// 7 days and 30 days; over what there is where the record is shorter.
struct BurnRates {
  double day = 0;
  double week = 0;
  double month = 0;
};

/// One UTC day of the record, as seen at `now` of BudgetState. Roubles.
struct BudgetDay {
  Seconds day = 0;         ///< Midnight UTC.
  double expected = 0;     ///< Σ probability · amount of the executed payments.
  double confirmed = 0;    ///< Amounts of the executed frauds known so far.
  bool matured = false;    ///< All its labels are known.
  double spent = 0;        ///< Confirmed where matured, else the corrected expectation.
  double month_spent = 0;  ///< From the first day of its month up to the end of this day.
  double month_line = 0;   ///< The budget's even share up to the end of this day.
  BurnRates burn;
};

/// The budget at one moment. A month is 30 days, counted from the first day of the record.
struct BudgetState {
  Seconds now = 0;
  std::vector<BudgetDay> days;  ///< Up to the day of `now`, which may be in progress.
  /// Confirmed / expected over the matured days, 1 without any: what an expected rouble was worth.
  double correction = 1;
  Seconds month_from = 0;  ///< Of the month of `now`.
  Seconds month_to = 0;
  double month_budget = 0;
  double month_spent = 0;
  double month_forecast = 0;  ///< At the month's end, if the last 7 days go on.
  /// The first day on whose end this month's budget was spent.
  std::optional<Seconds> exhausted_on;

  bool forecast_within_budget() const { return month_forecast <= month_budget; }
};

/// Records loss by the day of the payment: what was to be expected when it was executed, and what
/// labels confirmed since.
///
/// Labels come late, by days: until they are known the expectation stands for them, corrected by
/// what it proved worth on days whose labels are known. Integers inside (thousandths of a kopeck),
/// so the order of calls does not matter. Not thread-safe.
class LossRecord {
 public:
  /// The record begins on the UTC day of `from`; a month is counted from there.
  LossRecord(Seconds from, LossBudget budget);

  /// A payment was executed. Precondition: not before the record; 0 <= probability <= 1
  /// (WEIR_CHECK).
  void expect(Seconds event_time, std::int64_t amount_minor, double probability);
  /// An executed payment turned out to be fraud; `event_time` is the payment's.
  void confirm(Seconds event_time, std::int64_t amount_minor);
  /// A correction: it was genuine after all.
  void withdraw(Seconds event_time, std::int64_t amount_minor);
  /// Adds another record of the same first day and budget (WEIR_CHECK).
  void merge(const LossRecord& other);

  /// The budget at `now`, when labels are known `label_delay` after their payment. With a delay of
  /// 0 every day that is over counts as confirmed: a replay that knows the truth.
  BudgetState state(Seconds now, Seconds label_delay) const;

 private:
  struct Day {
    std::int64_t expected_millikopecks = 0;
    std::int64_t confirmed_minor = 0;
  };
  Day& day_of(Seconds event_time);

  Seconds first_day_;
  LossBudget budget_;
  std::vector<Day> days_;
};

}  // namespace weir

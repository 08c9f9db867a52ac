#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::report {

/// How the values of an axis are laid out and written.
enum class Scale : unsigned char {
  kLinear,   ///< 0, 0.5, 1; 1,000, 2,000.
  kPercent,  ///< Linear; values are shares, 0.25 is written `25%`.
  kLog,      ///< Powers of ten; values at or below zero are left out.
  kDate,     ///< Linear; values are Seconds since 1970 UTC, written as dates or times of day.
};

struct Tick {
  double value = 0;
  std::string label;  ///< Empty for a tick that only gets a grid line.

  bool operator==(const Tick&) const = default;
};

/// Round values (1, 2, 5 times a power of ten; for dates hours, days, Mondays, months, years)
/// inside [from, to], about `target_count` of them, with labels that are short, differ from one
/// another and are the same on every machine. Empty unless from < to, both finite, and both
/// positive for kLog.
std::vector<Tick> make_ticks(double from, double to, Scale scale, int target_count);

/// The least 1, 2 or 5 times a power of ten that cuts `span` (positive) into at most about
/// `target_count` parts.
double tick_step(double span, int target_count);

/// `1,234,567`.
std::string format_count(std::int64_t count);

/// With thousands separators and the given decimals: `1,234.50`. Not finite: `–`.
std::string format_fixed(double value, int decimals);

/// The share 0.0312 with one decimal is `3.1%`. Not finite: `–`.
std::string format_percent(double share, int decimals = 1);

/// About four significant digits, as tooltips show a value of an axis: `0.8123`, `12,346`, `3.12%`,
/// `2019-08-22` (with the time of day unless midnight).
std::string format_value(double value, Scale scale);

}  // namespace weir::report

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/transaction/payment.h"

namespace weir {

/// Days since 1970-01-01 of a Gregorian date (H. Hinnant's days_from_civil); the date is not
/// checked.
constexpr std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + static_cast<std::int64_t>(day_of_era) - 719'468;
}

/// Midnight UTC of the day that holds `time`.
constexpr Seconds day_start(Seconds time) {
  const Seconds remainder = time % kSecondsPerDay;
  return time - (remainder < 0 ? remainder + kSecondsPerDay : remainder);
}

/// Monday = 0 … Sunday = 6.
constexpr int weekday(Seconds time) {
  return static_cast<int>(((day_start(time) / kSecondsPerDay + 3) % 7 + 7) % 7);
}

/// `YYYY-MM-DD` → midnight UTC; nothing when it is not a real date.
std::optional<Seconds> parse_date(std::string_view text);

/// `YYYY-MM-DD hh:mm:ss`, also with `T`, fractional seconds (dropped) and `Z` or `±hh:mm` → UTC.
/// Nothing when it is not a real time of day (`24:00:00` is not).
std::optional<Seconds> parse_datetime(std::string_view text);

/// `90s`, `15m`, `12h`, `7d`, or a bare number of seconds → seconds; nothing when it is none of
/// these.
std::optional<Seconds> parse_duration(std::string_view text);

/// The shortest exact form that parse_duration reads back: `7d`, `36h`, `90s`.
std::string format_duration(Seconds duration);

/// `YYYY-MM-DD`.
std::string format_date(Seconds time);

/// `YYYY-MM-DD hh:mm:ss`.
std::string format_datetime(Seconds time);

}  // namespace weir

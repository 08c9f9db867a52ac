#include "core/transaction/calendar.h"

#include <fmt/format.h>

namespace weir {
namespace {

/// Reads `count` digits at `position`; -1 when there are none.
int digits(std::string_view text, std::size_t position, std::size_t count) {
  if (position + count > text.size()) return -1;
  int value = 0;
  for (std::size_t i = position; i < position + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

struct Civil {
  std::int64_t year;
  unsigned month;
  unsigned day;
};

/// The inverse of days_from_civil (H. Hinnant's civil_from_days).
Civil civil_from_days(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146'097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted_month = (5 * day_of_year + 2) / 153;
  const unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * shifted_month + 2) / 5 + 1};
}

}  // namespace

std::optional<Seconds> parse_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const int year = digits(text, 0, 4);
  const int month = digits(text, 5, 2);
  const int day = digits(text, 8, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1) return std::nullopt;
  const std::int64_t days =
      days_from_civil(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  // 30 February would come back as a day of March.
  const Civil back = civil_from_days(days);
  if (back.month != static_cast<unsigned>(month)) return std::nullopt;
  return days * kSecondsPerDay;
}

std::optional<Seconds> parse_datetime(std::string_view text) {
  if (text.size() < 19 || (text[10] != ' ' && text[10] != 'T') || text[13] != ':' ||
      text[16] != ':') {
    return std::nullopt;
  }
  const auto date = parse_date(text.substr(0, 10));
  const int hour = digits(text, 11, 2);
  const int minute = digits(text, 14, 2);
  const int second = digits(text, 17, 2);
  if (!date || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
    return std::nullopt;
  }
  Seconds time = *date + hour * 3600 + minute * 60 + second;
  std::string_view rest = text.substr(19);
  if (!rest.empty() && rest[0] == '.') {
    std::size_t end = 1;
    while (end < rest.size() && rest[end] >= '0' && rest[end] <= '9') ++end;
    if (end == 1) return std::nullopt;
    rest.remove_prefix(end);
  }
  if (rest.empty() || rest == "Z") return time;
  if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':') return std::nullopt;
  const int offset_hours = digits(rest, 1, 2);
  const int offset_minutes = digits(rest, 4, 2);
  if (offset_hours < 0 || offset_hours > 23 || offset_minutes < 0 || offset_minutes > 59) {
    return std::nullopt;
  }
  const Seconds offset = offset_hours * 3600 + offset_minutes * 60;
  return rest[0] == '+' ? time - offset : time + offset;
}

std::optional<Seconds> parse_duration(std::string_view text) {
  Seconds unit = 1;
  if (!text.empty()) {
    switch (text.back()) {
      case 's':
        unit = 1;
        break;
      case 'm':
        unit = 60;
        break;
      case 'h':
        unit = 3600;
        break;
      case 'd':
        unit = kSecondsPerDay;
        break;
      default:
        unit = 0;
    }
  }
  if (unit == 0) {
    unit = 1;
  } else if (!text.empty()) {
    text.remove_suffix(1);
  }
  // Nine digits of days stay far below the largest int64.
  if (text.empty() || text.size() > 9) return std::nullopt;
  Seconds count = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    count = count * 10 + (c - '0');
  }
  return count * unit;
}

std::string format_duration(Seconds duration) {
  if (duration != 0 && duration % kSecondsPerDay == 0)
    return fmt::format("{}d", duration / kSecondsPerDay);
  if (duration != 0 && duration % 3600 == 0) return fmt::format("{}h", duration / 3600);
  if (duration != 0 && duration % 60 == 0) return fmt::format("{}m", duration / 60);
  return fmt::format("{}s", duration);
}

std::string format_date(Seconds time) {
  const Civil civil = civil_from_days(day_start(time) / kSecondsPerDay);
  return fmt::format("{:04}-{:02}-{:02}", civil.year, civil.month, civil.day);
}

std::string format_datetime(Seconds time) {
  const Seconds second_of_day = time - day_start(time);
  return fmt::format("{} {:02}:{:02}:{:02}", format_date(time), second_of_day / 3600,
                     second_of_day / 60 % 60, second_of_day % 60);
}

}  // namespace weir

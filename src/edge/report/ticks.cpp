#include "edge/report/ticks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "core/transaction/calendar.h"

namespace weir::report {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
// Beyond these a double is no time that a calendar could write.
constexpr double kLastDate = 250'000'000'000.0;

std::string group_thousands(std::string digits) {
  const std::size_t start = digits.starts_with('-') ? 1 : 0;
  std::size_t end = std::min(digits.find('.'), digits.size());
  while (end > start + 3) {
    end -= 3;
    digits.insert(end, 1, ',');
  }
  return digits;
}

// No "-0.00".
std::string fixed(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (text.starts_with('-') && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);
  return text;
}

std::string without_trailing_zeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

// `value`, a multiple of `step`, with just the decimals that tell multiples apart.
std::string number_label(double value, double step, double largest) {
  std::string_view unit;
  double divisor = 1;
  if (largest >= 1e15 || step < 1e-6) return fmt::format("{:.3g}", value == 0 ? 0.0 : value);
  if (largest >= 1e9) {
    unit = "bn";
    divisor = 1e9;
  } else if (largest >= 1e6) {
    unit = "M";
    divisor = 1e6;
  }
  const int decimals =
      std::clamp(static_cast<int>(std::ceil(-std::log10(step / divisor) - 1e-9)), 0, 12);
  std::string text = group_thousands(fixed(value / divisor, decimals));
  if (divisor > 1) text = value == 0 ? "0" : text + std::string(unit);
  return text;
}

std::vector<Tick> linear_ticks(double from, double to, bool percent, int target_count) {
  const double step = tick_step(to - from, target_count);
  std::vector<Tick> ticks;
  const double first = std::ceil(from / step - 1e-9);
  const double last = std::floor(to / step + 1e-9);
  if (!(std::abs(first) < 1e15 && std::abs(last) < 1e15)) return {};
  const double largest = std::max(std::abs(from), std::abs(to));
  for (double i = first; i <= last; ++i) {
    const double value = i * step + 0.0;  // No -0.
    ticks.push_back({value, percent ? number_label(value * 100, step * 100, largest * 100) + "%"
                                    : number_label(value, step, largest)});
  }
  return ticks;
}

std::string power_label(double value) {
  if (value >= 1e15 || value < 1e-4) return fmt::format("{:.0e}", value);
  return number_label(value, value, value);
}

std::vector<Tick> log_ticks(double from, double to, int target_count) {
  const int first = static_cast<int>(std::ceil(std::log10(from) - 1e-9));
  const int last = static_cast<int>(std::floor(std::log10(to) + 1e-9));
  const double decades = std::log10(to) - std::log10(from);
  const int every = std::max(1, static_cast<int>(std::ceil(decades / target_count - 0.4)));
  std::vector<Tick> ticks;
  for (int exponent = first - 1; exponent <= last; ++exponent) {
    if (every > 3 && exponent % every != 0) continue;
    for (const double factor : {1.0, 2.0, 5.0}) {
      if (factor > 1 && decades > 4) continue;
      const double value = factor * std::pow(10.0, exponent);
      if (value < from * (1 - 1e-9) || value > to * (1 + 1e-9)) continue;
      const bool labelled = factor > 1 ? decades <= 2 : exponent % every == 0;
      ticks.push_back({value, labelled ? power_label(value) : std::string()});
    }
  }
  // Between two neighbours of 1, 2, 5 a linear scale reads better than nothing.
  return ticks.size() < 2 ? linear_ticks(from, to, false, target_count) : ticks;
}

struct Month {
  std::int64_t year;
  unsigned month;  // 1 … 12.
};

Month month_of(Seconds time) {
  const std::string date = format_date(time);
  return {std::stoll(date.substr(0, date.size() - 6)),
          static_cast<unsigned>(std::stoul(date.substr(date.size() - 5, 2)))};
}

std::vector<Tick> month_ticks(double from, double to, std::int64_t step_months) {
  std::vector<Tick> ticks;
  const Month start = month_of(static_cast<Seconds>(std::floor(from)));
  std::int64_t index = start.year * 12 + start.month - 1;
  index -= index % step_months;
  for (;; index += step_months) {
    const auto month = static_cast<unsigned>(index % 12);
    const std::int64_t year = index / 12;
    const auto time = static_cast<double>(days_from_civil(year, month + 1, 1) * kSecondsPerDay);
    if (time > to) return ticks;
    if (time < from) continue;
    ticks.push_back({time, step_months % 12 == 0 ? fmt::format("{}", year)
                                                 : fmt::format("{} {}", kMonths[month], year)});
  }
}

std::vector<Tick> date_ticks(double from, double to, int target_count) {
  // 0001-01-01 … about the year 9900: what a calendar writes with four digits.
  if (from < -62'135'596'800.0 || to > kLastDate) return {};
  const double raw = (to - from) / target_count;
  constexpr double kDay = 86'400;
  if (raw > 14 * kDay) {
    const double months = raw / (30.4 * kDay);
    for (const std::int64_t step : {1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 6000}) {
      if (months <= 1.1 * static_cast<double>(step)) return month_ticks(from, to, step);
    }
    return month_ticks(from, to, 12'000);
  }
  double step = 14 * kDay;
  for (const double candidate : {1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1'800.0, 3'600.0,
                                 10'800.0, 21'600.0, 43'200.0, kDay, 2 * kDay, 7 * kDay}) {
    if (raw <= candidate) {
      step = candidate;
      break;
    }
  }
  // 1970-01-05 was a Monday.
  const double origin = step >= 7 * kDay ? 4 * kDay : 0;
  std::vector<Tick> ticks;
  for (double i = std::ceil((from - origin) / step); origin + i * step <= to; ++i) {
    const double time = origin + i * step;
    const auto seconds = static_cast<Seconds>(time);
    const std::string text = format_datetime(seconds);
    const bool midnight = day_start(seconds) == seconds;
    if (step >= kDay || midnight) {
      const Month month = month_of(seconds);
      ticks.push_back(
          {time, fmt::format("{} {}", std::stoi(text.substr(8, 2)), kMonths[month.month - 1])});
    } else {
      ticks.push_back({time, text.substr(11, step < 60 ? 8 : 5)});
    }
  }
  return ticks;
}

}  // namespace

double tick_step(double span, int target_count) {
  const double raw = span / std::max(target_count, 1);
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

std::vector<Tick> make_ticks(double from, double to, Scale scale, int target_count) {
  if (!std::isfinite(from) || !std::isfinite(to) || !(from < to) || !std::isfinite(to - from)) {
    return {};
  }
  target_count = std::max(target_count, 1);
  switch (scale) {
    case Scale::kLinear:
      return linear_ticks(from, to, false, target_count);
    case Scale::kPercent:
      return linear_ticks(from, to, true, target_count);
    case Scale::kLog:
      return from > 0 ? log_ticks(from, to, target_count) : std::vector<Tick>();
    case Scale::kDate:
      return date_ticks(from, to, target_count);
  }
  return {};
}

std::string format_count(std::int64_t count) { return group_thousands(fmt::format("{}", count)); }

std::string format_fixed(double value, int decimals) {
  if (!std::isfinite(value)) return "–";
  return group_thousands(fixed(value, decimals));
}

std::string format_percent(double share, int decimals) {
  if (!std::isfinite(share)) return "–";
  return format_fixed(share * 100, decimals) + "%";
}

std::string format_value(double value, Scale scale) {
  if (!std::isfinite(value)) return "–";
  if (scale == Scale::kDate && value >= -62'135'596'800.0 && value <= kLastDate) {
    const auto seconds = static_cast<Seconds>(std::floor(value));
    return day_start(seconds) == seconds ? format_date(seconds) : format_datetime(seconds);
  }
  if (scale == Scale::kPercent) return format_value(value * 100, Scale::kLinear) + "%";
  if (value == 0) return "0";
  const double size = std::abs(value);
  if (size >= 1e15 || size < 1e-4) return fmt::format("{:.3e}", value);
  const int decimals = std::clamp(3 - static_cast<int>(std::floor(std::log10(size))), 0, 7);
  return group_thousands(without_trailing_zeros(fixed(value, decimals)));
}

}  // namespace weir::report

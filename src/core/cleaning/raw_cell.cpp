#include "core/cleaning/raw_cell.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "core/cleaning/clean_row.h"
#include "core/transaction/calendar.h"

namespace weir {

void append_raw_number(double value, std::string& text) {
  const double cents = std::round(value * 100);
  if (std::abs(value * 100 - cents) < 1e-4 && std::abs(cents) < 1e15) {
    fmt::format_to(std::back_inserter(text), "{:.2f}", cents / 100);
  } else {
    fmt::format_to(std::back_inserter(text), "{}", value);
  }
}

void append_raw_time(std::int64_t value, std::int64_t units_per_second, std::string& text) {
  const Seconds time = value / units_per_second - (value % units_per_second < 0 ? 1 : 0);
  if (time < kFirstTime || time >= kLastTime) {
    fmt::format_to(std::back_inserter(text), "{}", value);
  } else {
    text += format_datetime(time);
  }
}

void TimeOriginVote::add(Seconds event_time, std::int64_t time_seconds) {
  if (time_seconds > kLastTime) return;
  ++count_;
  ++votes_[event_time - time_seconds];
}

std::optional<Seconds> TimeOriginVote::winner() const {
  for (const auto& [origin, votes] : votes_) {
    if (votes * 2 > count_) return origin;
  }
  return std::nullopt;
}

}  // namespace weir

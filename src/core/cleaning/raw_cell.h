#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/transaction/payment.h"

namespace weir {

/// Appends a floating-point cell of a raw table as the text that is then cleaned: with two decimals
/// where it is within a millionth of a rouble of whole kopecks, else as it is.
void append_raw_number(double value, std::string& text);

/// Appends a timestamp cell: `value` in units of 1 / `units_per_second`, parts of a second dropped.
/// What the calendar cannot show stands as a bare number, which no rule takes for a time.
void append_raw_time(std::int64_t value, std::int64_t units_per_second, std::string& text);

/// Finds the constant event_time − tx_time_seconds of a data set: what most of its rows share.
class TimeOriginVote {
 public:
  void add(Seconds event_time, std::int64_t time_seconds);
  std::optional<Seconds> winner() const;

 private:
  std::map<Seconds, int> votes_;
  int count_ = 0;
};

}  // namespace weir

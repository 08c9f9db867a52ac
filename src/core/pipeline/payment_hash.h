#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>

#include "core/cleaning/clean_row.h"
#include "core/transaction/calendar.h"
#include "core/transaction/hash.h"
#include "core/transaction/payment.h"

namespace weir {

/// Of all fields: tells a payment sent again from an id that was used twice.
inline std::uint64_t payment_hash(const Payment& payment) {
  const auto bits = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  return hash64(
      hash64(bits(payment.transaction_id), bits(payment.event_time), bits(payment.customer_id)),
      bits(payment.terminal_id), bits(payment.amount_minor));
}

/// The id was seen with other content.
inline Reject duplicate_id(const Payment& payment) {
  return {Rule::kDuplicateId, Field::kTransactionId, fmt::format("{}", payment.transaction_id),
          payment.amount_minor, std::nullopt};
}

/// The payment happened after it was logged.
inline Reject time_in_future(const Payment& payment) {
  return {Rule::kTimeInFuture, Field::kEventTime, format_datetime(payment.event_time),
          payment.amount_minor, std::nullopt};
}

}  // namespace weir

#pragma once

#include <cstddef>
#include <cstdint>

namespace weir {

/// What of a coming payment's memory is loaded; each step reads what the one before it brought.
enum class LoadStep : std::uint8_t { kSlots, kHistories, kTotals, kRecords, kQueues };
inline constexpr std::size_t kLoadSteps = 5;
inline constexpr std::size_t kVisitsApart = 2;  ///< Between two steps: longer than memory takes.
inline constexpr std::size_t kLoadedAhead = kLoadSteps * kVisitsApart;  ///< Payments at a time.

}  // namespace weir

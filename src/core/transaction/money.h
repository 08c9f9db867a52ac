#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

/// The largest amount that weir takes for an amount: 10^13 kopecks, 100 billion roubles.
inline constexpr std::int64_t kMaxAmountMinor = 10'000'000'000'000;

/// Decimal roubles (`57.16`, `57`, `-3.5`, `57.1600`) → kopecks, exactly, never through binary
/// floating point. Nothing when it is not a decimal number, has a non-zero digit past the kopecks
/// or exceeds kMaxAmountMinor either way.
std::optional<std::int64_t> parse_amount_minor(std::string_view text);

/// Kopecks → `57.16`.
std::string format_amount(std::int64_t amount_minor);

/// Kopecks → roubles for people: `1,234,567`, rounded half up.
std::string format_roubles(std::int64_t amount_minor);

}  // namespace weir

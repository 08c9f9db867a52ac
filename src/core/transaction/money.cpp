#include "core/transaction/money.h"

#include <fmt/format.h>

namespace weir {

std::optional<std::int64_t> parse_amount_minor(std::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  std::int64_t value = 0;
  std::size_t position = 0;
  std::size_t digit_count = 0;
  for (; position < text.size() && text[position] >= '0' && text[position] <= '9'; ++position) {
    value = value * 10 + (text[position] - '0');
    if (value > kMaxAmountMinor / 100) return std::nullopt;
    ++digit_count;
  }
  value *= 100;
  if (position < text.size() && text[position] == '.') {
    ++position;
    for (std::int64_t scale = 10; position < text.size(); ++position, scale /= 10) {
      if (text[position] < '0' || text[position] > '9') return std::nullopt;
      if (scale == 0 && text[position] != '0') return std::nullopt;
      value += (text[position] - '0') * scale;
      ++digit_count;
    }
  }
  if (position != text.size() || digit_count == 0 || value > kMaxAmountMinor) return std::nullopt;
  return negative ? -value : value;
}

std::string format_amount(std::int64_t amount_minor) {
  const char* sign = amount_minor < 0 ? "-" : "";
  const std::int64_t size = amount_minor < 0 ? -amount_minor : amount_minor;
  return fmt::format("{}{}.{:02}", sign, size / 100, size % 100);
}

std::string format_roubles(std::int64_t amount_minor) {
  const std::int64_t size = amount_minor < 0 ? -amount_minor : amount_minor;
  std::string text = fmt::format("{}", (size + 50) / 100);
  for (std::ptrdiff_t i = static_cast<std::ptrdiff_t>(text.size()) - 3; i > 0; i -= 3) {
    text.insert(static_cast<std::size_t>(i), ",");
  }
  return amount_minor < 0 ? "-" + text : text;
}

}  // namespace weir

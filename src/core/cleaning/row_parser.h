#pragma once

#include <span>
#include <string_view>
#include <variant>

#include "core/cleaning/clean_row.h"
#include "core/cleaning/row_layout.h"

namespace weir {

inline constexpr std::size_t kMaxLineBytes = 65'536;
inline constexpr std::size_t kMaxColumns = 256;

/// Splits a line at `delimiter`; a field in double quotes may contain it. Gives the number of
/// fields, which may exceed `columns.size()`; the surplus is not stored.
std::size_t split_row(std::string_view line, char delimiter, std::span<std::string_view> columns);

/// Cleans one line of text (without its line end) by the plain way: split, then `clean`.
std::variant<CleanedPayment, Reject> clean_line(std::string_view line,
                                                const RowLayout& layout,
                                                const CleaningConfig& config);

/// The midnight of the date last seen: rows of a day stand together.
struct DateMemory {
  char text[10] = {};
  Seconds midnight = 0;
};

/// Reads one row in course order from text that ends with '\n', if it is an ordinary one.
///
/// Gives where the next row begins and fills `row`, or null where the row is anything but
/// ordinary (then `clean_line` decides). For an ordinary row `row` is what clean_line gives, but
/// for the terminal list, which the caller checks. About 30 ns.
const char* parse_ordinary_row(const char* begin,
                               const char* end,
                               DateMemory& date,
                               CleanedPayment& row);

}  // namespace weir

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::report {

/// `text` as it may stand in HTML or SVG text and in quoted attributes: `& < > " '` become
/// entities, control characters and broken UTF-8 become U+FFFD.
std::string escape_markup(std::string_view text);

/// The number of code points of well-formed UTF-8 `text`; broken bytes count one each.
std::size_t count_characters(std::string_view text);

/// At most `limit` characters (`limit` >= 1) of `text`, the last one an ellipsis if some were cut.
std::string shorten(std::string_view text, std::size_t limit);

}  // namespace weir::report

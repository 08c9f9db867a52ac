#include "edge/report/markup.h"

#include "core/transaction/error.h"

namespace weir::report {
namespace {

// Bytes of the well-formed UTF-8 character at the start of `text` (not empty); 0 where it is
// broken.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, above U+10FFFF.
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

}  // namespace

std::string escape_markup(std::string_view text) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    const auto first = static_cast<unsigned char>(text.front());
    if (length != 1) {
      out += length == 0 ? kReplacement : text.substr(0, length);
    } else if (first == '&') {
      out += "&amp;";
    } else if (first == '<') {
      out += "&lt;";
    } else if (first == '>') {
      out += "&gt;";
    } else if (first == '"') {
      out += "&quot;";
    } else if (first == '\'') {
      out += "&#39;";
    } else if ((first < 0x20 && first != '\n' && first != '\t') || first == 0x7F) {
      out += kReplacement;
    } else {
      out += text.front();
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    text.remove_prefix(length == 0 ? 1 : length);
    ++count;
  }
  return count;
}

std::string shorten(std::string_view text, std::size_t limit) {
  WEIR_CHECK(limit >= 1);
  if (count_characters(text) <= limit) return std::string(text);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i + 1 < limit; ++i) {
    const std::size_t length = character_length(text.substr(bytes));
    bytes += length == 0 ? 1 : length;
  }
  return std::string(text.substr(0, bytes)) + "…";
}

}  // namespace weir::report

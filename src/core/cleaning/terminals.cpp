#include "core/cleaning/terminals.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/cleaning/clean_row.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

std::int64_t parse_terminal(std::string_view word, std::string_view source) {
  const auto terminal = parse_id(word);
  if (!terminal) {
    throw UsageError(fmt::format(
        "{}: \"{}\" is no terminal; wanted a range like 0..999 or whole numbers of 0 or more",
        source, word.substr(0, 40)));
  }
  return *terminal;
}

}  // namespace

TerminalSet::TerminalSet(std::int64_t first, std::int64_t last) : first_(first), last_(last) {}

TerminalSet::TerminalSet(std::vector<std::int64_t> terminals)
    : first_(0), last_(-1), terminals_(std::move(terminals)) {
  std::sort(terminals_.begin(), terminals_.end());
  if (!terminals_.empty()) {
    first_ = terminals_.front();
    last_ = terminals_.back();
  }
}

bool TerminalSet::is_range(std::string_view text) {
  const auto dots = text.find("..");
  return dots != std::string_view::npos && parse_id(text.substr(0, dots)) &&
         parse_id(text.substr(dots + 2));
}

TerminalSet TerminalSet::parse(std::string_view text, std::string_view source) {
  if (is_range(text)) {
    const auto dots = text.find("..");
    const std::int64_t first = parse_terminal(text.substr(0, dots), source);
    const std::int64_t last = parse_terminal(text.substr(dots + 2), source);
    if (last < first) {
      throw UsageError(
          fmt::format("{}: the range {} is empty; write it as {}..{}", source, text, last, first));
    }
    return {first, last};
  }
  std::vector<std::int64_t> terminals;
  constexpr std::string_view kBetween = ", \t\r\n";
  for (std::size_t begin = text.find_first_not_of(kBetween); begin != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kBetween, begin), text.size());
    terminals.push_back(parse_terminal(text.substr(begin, end - begin), source));
    begin = text.find_first_not_of(kBetween, end);
  }
  if (terminals.empty()) {
    throw UsageError(
        fmt::format("{}: no terminal in it; wanted a range like 0..999 or numbers", source));
  }
  return TerminalSet(std::move(terminals));
}

bool TerminalSet::contains(std::int64_t terminal) const {
  if (terminal < first_ || terminal > last_) return false;
  return terminals_.empty() || std::binary_search(terminals_.begin(), terminals_.end(), terminal);
}

}  // namespace weir

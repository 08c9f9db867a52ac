#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace weir {

/// The terminals that exist: a range, or a list.
class TerminalSet {
 public:
  /// `first`..`last`, both included.
  TerminalSet(std::int64_t first, std::int64_t last);
  explicit TerminalSet(std::vector<std::int64_t> terminals);

  /// `0..999`, or a list of numbers between commas, spaces or lines. Throws UsageError naming
  /// `source` and the word that is no terminal.
  static TerminalSet parse(std::string_view text, std::string_view source);
  /// True for text of the form `0..999`.
  static bool is_range(std::string_view text);

  bool contains(std::int64_t terminal) const;

 private:
  std::int64_t first_;
  std::int64_t last_;
  std::vector<std::int64_t> terminals_;  // Sorted; empty for a range.
};

}  // namespace weir

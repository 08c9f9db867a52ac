#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cleaning/json_row.h"
#include "core/cleaning/packed_payment.h"
#include "core/cleaning/report.h"
#include "core/cleaning/row_layout.h"
#include "core/cleaning/row_parser.h"

namespace weir {

/// How a raw text file is to be read; found from its beginning.
struct TextLayout {
  std::optional<RowLayout> columns;  ///< Of delimited text; JSON lines have none.
  bool labelled = false;
  bool hash_header = false;            ///< The header begins with '#', and so may later lines.
  std::optional<Seconds> time_origin;  ///< As most of the first rows have it.

  bool is_json() const { return !columns; }
};

/// Looks at the beginning of a text file: JSON lines, or a header. Throws Error naming `source` for
/// an empty file and a header that lacks a field.
TextLayout inspect_text(std::string_view head, const ColumnNames& names, std::string_view source);

/// The constant event_time - tx_time_seconds that most of these whole lines share.
std::optional<Seconds> find_time_origin(std::string_view rows, const RowLayout& layout);

/// A cleaned row and where in its text it stood.
struct TextRow {
  PackedPayment payment;
  std::int32_t day = 0;
  std::uint32_t offset = 0;  ///< Of its line.
};

struct TextReject {
  Reject reject;
  std::uint64_t line = 0;  ///< From 0.
  std::uint32_t offset = 0;
};

/// The rows of some lines.
struct TextRows {
  std::vector<TextRow> rows;
  std::vector<TextReject> rejects;
  std::uint64_t lines = 0;
  RowTally in;
};

/// Cleans whole lines of text by every rule but the duplicates. One a thread.
class TextCleaner {
 public:
  explicit TextCleaner(const CleaningConfig& config) : config_(config) {}
  /// Replaces `result`. `text` ends with '\n' and has less than 4 GiB; `first`: it begins its file,
  /// so that a byte order mark and the header are skipped. `labelled`: of the whole input.
  void clean(
      const TextLayout& layout, std::string_view text, bool first, bool labelled, TextRows& result);

 private:
  void clean_one(const TextLayout& layout,
                 std::string_view line,
                 bool labelled,
                 TextRows& result,
                 std::uint32_t offset);

  const CleaningConfig& config_;
  JsonRowParser json_;
  DateMemory date_;
};

/// The line at `offset`, without its end.
std::string_view line_at(std::string_view text, std::uint32_t offset);

/// The text with control bytes and whatever is not UTF-8 written as `\xNN`.
std::string to_utf8(std::string_view bytes);

}  // namespace weir

#pragma once

#include <cstdint>
#include <string_view>

#include "core/cleaning/text_rows.h"
#include "edge/files/raw_input.h"

namespace weir::files {

using ReadRow = TextRow;
using ReadReject = TextReject;
using ReadRows = TextRows;

/// Reads the rows of chunks. One a thread.
class RowReader {
 public:
  explicit RowReader(const CleaningConfig& config) : cleaner_(config) {}
  /// Replaces `result`. `labelled`: of the whole input.
  void read(const RawFile& file, const TextChunk& chunk, bool labelled, ReadRows& result);

 private:
  TextCleaner cleaner_;
};

/// The line at `offset` of a chunk, without its end.
std::string_view line_at(const TextChunk& chunk, std::uint32_t offset);

}  // namespace weir::files

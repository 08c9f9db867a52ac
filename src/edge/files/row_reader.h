#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/cleaning/json_row.h"
#include "core/cleaning/packed_payment.h"
#include "core/cleaning/report.h"
#include "core/cleaning/row_parser.h"
#include "edge/files/raw_input.h"

namespace weir::files {

/// A cleaned row and where in its chunk it stood.
struct ReadRow {
  PackedPayment payment;
  std::int32_t day = 0;
  std::uint32_t offset = 0;  ///< Of its line in the chunk.
};

struct ReadReject {
  Reject reject;
  std::uint64_t line = 0;  ///< In the chunk, from 0.
  std::uint32_t offset = 0;
};

/// The rows of one chunk.
struct ReadRows {
  std::vector<ReadRow> rows;
  std::vector<ReadReject> rejects;
  std::uint64_t lines = 0;
  RowTally in;
};

/// Reads the rows of chunks. One a thread.
class RowReader {
 public:
  explicit RowReader(const CleaningConfig& config) : config_(config) {}
  /// Replaces `result`. `labelled`: of the whole input.
  void read(const RawFile& file, const TextChunk& chunk, bool labelled, ReadRows& result);

 private:
  void read_line(const RawFile& file,
                 std::string_view line,
                 bool labelled,
                 ReadRows& result,
                 std::uint32_t offset);

  const CleaningConfig& config_;
  JsonRowParser json_;
  DateMemory date_;
};

/// The line at `offset` of a chunk, without its end.
std::string_view line_at(const TextChunk& chunk, std::uint32_t offset);

}  // namespace weir::files

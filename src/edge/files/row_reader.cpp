#include "edge/files/row_reader.h"

#include <fmt/format.h>

namespace weir::files {

void RowReader::read(const RawFile& file, const TextChunk& chunk, bool labelled, ReadRows& result) {
  if (chunk.oversized != 0) {
    result = {};
    result.lines = 1;
    ++result.in.rows;
    ++result.in.unknown_amounts;
    ++result.in.unknown_labels;
    result.rejects.push_back(
        {reject_row(Rule::kLineTooLong, fmt::format("{} bytes", chunk.oversized)), 0, 0});
    return;
  }
  const bool first = chunk.first && file.format != InputFormat::kParquet;
  cleaner_.clean(file.text, {chunk.begin(), chunk.size}, first, labelled, result);
}

std::string_view line_at(const TextChunk& chunk, std::uint32_t offset) {
  return weir::line_at({chunk.begin(), chunk.size}, offset);
}

}  // namespace weir::files

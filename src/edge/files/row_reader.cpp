#include "edge/files/row_reader.h"

#include <fmt/format.h>

#include <cstring>

namespace weir::files {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

void RowReader::read(const RawFile& file, const TextChunk& chunk, bool labelled, ReadRows& result) {
  result.rows.clear();
  result.rejects.clear();
  result.lines = 0;
  result.in = {};
  const char* const begin = chunk.begin();
  const char* const end = chunk.end();
  if (chunk.oversized != 0) {
    result.lines = 1;
    ++result.in.rows;
    ++result.in.unknown_amounts;
    ++result.in.unknown_labels;
    result.rejects.push_back(
        {reject_row(Rule::kLineTooLong, fmt::format("{} bytes", chunk.oversized)), 0, 0});
    return;
  }
  const char* at = begin;
  if (chunk.first && file.format != InputFormat::kParquet) {
    if (std::string_view(begin, chunk.size).starts_with(kByteOrderMark))
      at += kByteOrderMark.size();
    if (file.format == InputFormat::kText) {  // The header, read by inspect().
      at = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at))) + 1;
      result.lines = 1;
    }
  }
  const bool fast = file.layout && file.layout->is_course_order();
  CleanedPayment row;
  std::uint64_t amount_minor = 0;
  std::uint64_t frauds = 0;
  while (at != end) {
    const auto offset = static_cast<std::uint32_t>(at - begin);
    if (fast) {
      const char* next = parse_ordinary_row(at, end, date_, row);
      if (next != nullptr &&
          (!config_.terminals || config_.terminals->contains(row.payment.terminal_id))) {
        result.rows.push_back(
            {PackedPayment(row), PackedPayment::day_of(row.payment.event_time), offset});
        amount_minor += static_cast<std::uint64_t>(row.payment.amount_minor);
        frauds += static_cast<std::uint64_t>(row.label.is_fraud);
        ++result.lines;
        at = next;
        continue;
      }
    }
    const auto* line_end =
        static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
    read_line(file, {at, line_end}, labelled, result, offset);
    ++result.lines;
    at = line_end + 1;
  }
  result.in.amount_minor += amount_minor;
  result.in.frauds += frauds;
  result.in.rows = result.rows.size() + result.rejects.size();
}

void RowReader::read_line(const RawFile& file,
                          std::string_view line,
                          bool labelled,
                          ReadRows& result,
                          std::uint32_t offset) {
  // Blank lines and the headers of files put together are no rows.
  if (is_blank(line) || (file.hash_header && line.starts_with('#'))) return;
  auto cleaned = file.format == InputFormat::kJson ? json_.clean(line, config_, labelled)
                                                   : clean_line(line, *file.layout, config_);
  if (auto* reject = std::get_if<Reject>(&cleaned)) {
    RowTally tally;
    tally.add(*reject);
    result.in += tally;
    result.rejects.push_back({std::move(*reject), result.lines, offset});
    return;
  }
  auto& row = std::get<CleanedPayment>(cleaned);
  if (!labelled) row.label = {};
  result.rows.push_back(
      {PackedPayment(row), PackedPayment::day_of(row.payment.event_time), offset});
  result.in.amount_minor += static_cast<std::uint64_t>(row.payment.amount_minor);
  result.in.frauds += static_cast<std::uint64_t>(row.label.is_fraud);
}

std::string_view line_at(const TextChunk& chunk, std::uint32_t offset) {
  const char* const begin = chunk.begin() + offset;
  const auto size = static_cast<std::size_t>(chunk.end() - begin);
  const auto* end = static_cast<const char*>(std::memchr(begin, '\n', size));
  std::string_view line(begin, end == nullptr ? size : static_cast<std::size_t>(end - begin));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace weir::files

#include "core/cleaning/text_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/cleaning/raw_cell.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

/// The length of the UTF-8 character at the beginning, 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates and what is past the last code point.
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
      (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) {
    return 0;
  }
  return length;
}

}  // namespace

std::optional<Seconds> find_time_origin(std::string_view rows, const RowLayout& layout) {
  if (layout.column(Field::kTimeSeconds) == RowLayout::kAbsent) return std::nullopt;
  TimeOriginVote vote;
  std::vector<std::string_view> columns(layout.column_count());
  for (std::size_t begin = 0; begin < rows.size();) {
    const std::size_t end = rows.find('\n', begin);
    if (end == std::string_view::npos) break;
    const std::string_view line = rows.substr(begin, end - begin);
    begin = end + 1;
    const auto cleaned = clean_line(line, layout, {});
    if (!std::holds_alternative<CleanedPayment>(cleaned)) continue;
    split_row(line, layout.delimiter(), columns);
    const auto seconds = parse_id(layout.fields(columns).time_seconds.value_or(""));
    if (seconds) vote.add(std::get<CleanedPayment>(cleaned).payment.event_time, *seconds);
  }
  return vote.winner();
}

TextLayout inspect_text(std::string_view head, const ColumnNames& names, std::string_view source) {
  if (head.empty()) throw Error(fmt::format("\"{}\" is empty; wanted a header and rows", source));
  TextLayout layout;
  if (head.starts_with(kByteOrderMark)) head.remove_prefix(kByteOrderMark.size());
  const std::size_t end = std::min(head.find('\n'), head.size());
  const std::string_view line = head.substr(0, end);
  if (const auto start = line.find_first_not_of(" \t\r");
      start != std::string_view::npos && line[start] == '{') {
    layout.labelled = JsonRowParser().has_label(line);
    return layout;
  }
  layout.columns = RowLayout::from_header(line, names, source);
  if (layout.columns->column_count() > kMaxColumns) {
    throw Error(fmt::format("\"{}\" has {} columns, at most {} can be read", source,
                            layout.columns->column_count(), kMaxColumns));
  }
  layout.labelled = layout.columns->labelled();
  layout.hash_header = line.starts_with('#');
  layout.time_origin =
      find_time_origin(head.substr(std::min(end + 1, head.size())), *layout.columns);
  return layout;
}

void TextCleaner::clean(
    const TextLayout& layout, std::string_view text, bool first, bool labelled, TextRows& result) {
  result.rows.clear();
  result.rejects.clear();
  result.lines = 0;
  result.in = {};
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* at = begin;
  if (first) {
    if (text.starts_with(kByteOrderMark)) at += kByteOrderMark.size();
    if (!layout.is_json()) {  // The header, read by inspect_text().
      at = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at))) + 1;
      result.lines = 1;
    }
  }
  const bool fast = layout.columns && layout.columns->is_course_order();
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
    clean_one(layout, {at, line_end}, labelled, result, offset);
    ++result.lines;
    at = line_end + 1;
  }
  result.in.amount_minor += amount_minor;
  result.in.frauds += frauds;
  result.in.rows = result.rows.size() + result.rejects.size();
}

void TextCleaner::clean_one(const TextLayout& layout,
                            std::string_view line,
                            bool labelled,
                            TextRows& result,
                            std::uint32_t offset) {
  // Blank lines and the headers of files put together are no rows.
  if (is_blank(line) || (layout.hash_header && line.starts_with('#'))) return;
  auto cleaned = layout.is_json() ? json_.clean(line, config_, labelled)
                                  : clean_line(line, *layout.columns, config_);
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

std::string_view line_at(std::string_view text, std::uint32_t offset) {
  std::string_view line = text.substr(offset);
  line = line.substr(0, line.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string to_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    const auto first = static_cast<unsigned char>(bytes[0]);
    if (length == 0 || (first < 0x20 && first != '\t')) {
      text += fmt::format("\\x{:02x}", first);
      bytes.remove_prefix(1);
    } else {
      text += bytes.substr(0, length);
      bytes.remove_prefix(length);
    }
  }
  return text;
}

}  // namespace weir

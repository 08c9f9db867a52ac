#include "core/cleaning/row_layout.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/transaction/error.h"

namespace weir {
namespace {

// The course writes `tranaction_id`; the Fraud Detection Handbook writes in capitals.
constexpr std::array<FieldNames, kRawFieldCount> kKnownNames = {{
    {Field::kTransactionId, {"transaction_id", "tranaction_id", "", ""}},
    {Field::kEventTime, {"event_time", "tx_datetime", "", ""}},
    {Field::kCustomerId, {"customer_id", "", "", ""}},
    {Field::kTerminalId, {"terminal_id", "", "", ""}},
    {Field::kAmount, {"amount", "tx_amount", "", ""}},
    {Field::kAmountMinor, {"amount_minor", "", "", ""}},
    {Field::kTimeSeconds, {"time_seconds", "tx_time_seconds", "", ""}},
    {Field::kIsFraud, {"is_fraud", "tx_fraud", "", ""}},
    {Field::kFraudScenario, {"fraud_scenario", "tx_fraud_scenario", "", ""}},
}};

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

std::string clean_name(std::string_view text) {
  constexpr std::string_view kAround = " \t\r\"";
  const auto begin = text.find_first_not_of(kAround);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kAround) - begin + 1));
}

std::vector<std::string> split_names(std::string_view line, char delimiter) {
  std::vector<std::string> names;
  for (std::size_t begin = 0;;) {
    const std::size_t end = line.find(delimiter, begin);
    names.push_back(clean_name(line.substr(begin, end - begin)));
    if (end == std::string_view::npos) return names;
    begin = end + 1;
  }
}

int find_column(const std::vector<std::string>& columns, Field field, const ColumnNames& names) {
  const auto position = [&](std::string_view name) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (lower(columns[i]) == lower(name)) return static_cast<int>(i);
    }
    return RowLayout::kAbsent;
  };
  if (const auto given = names.find(field); given != names.end()) return position(given->second);
  for (const std::string_view name : kKnownNames[static_cast<std::size_t>(field)].names) {
    if (name.empty()) continue;
    if (const int found = position(name); found != RowLayout::kAbsent) return found;
  }
  return RowLayout::kAbsent;
}

/// What is printed of a stranger's bytes.
std::string printable(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, 80)) {
    const auto byte = static_cast<unsigned char>(c);
    result += byte < 0x20 || byte >= 0x7F ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  if (text.size() > 80) result += "…";
  return result;
}

}  // namespace

std::span<const FieldNames> known_field_names() { return kKnownNames; }

ColumnNames parse_column_names(const std::vector<std::string>& words) {
  ColumnNames names;
  for (const std::string& word : words) {
    const auto equals = word.find('=');
    const std::string key = word.substr(0, equals);
    const auto known = std::find_if(kKnownNames.begin(), kKnownNames.end(), [&](const auto& entry) {
      return field_name(entry.field) == key;
    });
    if (equals == std::string::npos || equals + 1 == word.size() || known == kKnownNames.end()) {
      std::vector<std::string_view> fields;
      for (const FieldNames& entry : kKnownNames) fields.push_back(field_name(entry.field));
      throw UsageError(fmt::format("--column \"{}\": wanted FIELD=NAME, where FIELD is one of {}",
                                   word, fmt::join(fields, ", ")));
    }
    names[known->field] = word.substr(equals + 1);
  }
  return names;
}

RowLayout::RowLayout(const std::vector<std::string>& columns,
                     char delimiter,
                     const ColumnNames& names,
                     std::string_view source)
    : column_count_(columns.size()), delimiter_(delimiter) {
  for (std::size_t i = 0; i < kRawFieldCount; ++i) {
    columns_[i] = find_column(columns, static_cast<Field>(i), names);
  }
  const auto missing = [&](Field field) {
    std::string wanted(field_name(field));
    if (const auto given = names.find(field); given != names.end()) wanted = given->second;
    const std::string got = printable(fmt::format("{}", fmt::join(columns, ", ")));
    return Error(
        fmt::format("\"{}\": no column for {} in the header; got \"{}\"; wanted a header like "
                    "transaction_id,event_time,customer_id,terminal_id,amount, or name the columns "
                    "with --column {}=NAME",
                    source, wanted, got, field_name(field)));
  };
  for (const Field field :
       {Field::kTransactionId, Field::kEventTime, Field::kCustomerId, Field::kTerminalId}) {
    if (column(field) == kAbsent) throw missing(field);
  }
  if (column(Field::kAmount) == kAbsent && column(Field::kAmountMinor) == kAbsent) {
    throw missing(Field::kAmount);
  }
  for (const auto& [field, name] : names) {
    if (column(field) == kAbsent) throw missing(field);
  }
  course_order_ = delimiter == ',' && column_count_ == 9 && column(Field::kTransactionId) == 0 &&
                  column(Field::kEventTime) == 1 && column(Field::kCustomerId) == 2 &&
                  column(Field::kTerminalId) == 3 && column(Field::kAmount) == 4 &&
                  column(Field::kTimeSeconds) == 5 && column(Field::kIsFraud) == 7 &&
                  column(Field::kFraudScenario) == 8;
}

RowLayout RowLayout::from_header(std::string_view line,
                                 const ColumnNames& names,
                                 std::string_view source) {
  if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  if (line.starts_with('#')) {
    line.remove_prefix(1);
    const char between = line.find('|') != std::string_view::npos ? '|' : ',';
    return {split_names(line, between), ',', names, source};
  }
  char delimiter = ',';
  for (const char candidate : {';', '\t', '|'}) {
    if (std::count(line.begin(), line.end(), candidate) >
        std::count(line.begin(), line.end(), delimiter)) {
      delimiter = candidate;
    }
  }
  return {split_names(line, delimiter), delimiter, names, source};
}

RawPayment RowLayout::fields(std::span<const std::string_view> row) const {
  const auto required = [&](Field field) { return row[static_cast<std::size_t>(column(field))]; };
  const auto optional = [&](Field field) -> std::optional<std::string_view> {
    if (column(field) == kAbsent) return std::nullopt;
    return required(field);
  };
  RawPayment raw;
  raw.transaction_id = required(Field::kTransactionId);
  raw.event_time = required(Field::kEventTime);
  raw.customer_id = required(Field::kCustomerId);
  raw.terminal_id = required(Field::kTerminalId);
  raw.amount_is_minor = column(Field::kAmount) == kAbsent;
  raw.amount = required(raw.amount_is_minor ? Field::kAmountMinor : Field::kAmount);
  raw.time_seconds = optional(Field::kTimeSeconds);
  raw.is_fraud = optional(Field::kIsFraud);
  raw.fraud_scenario = optional(Field::kFraudScenario);
  return raw;
}

}  // namespace weir

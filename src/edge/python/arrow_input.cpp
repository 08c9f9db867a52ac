#include "edge/python/arrow_input.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>

#include "core/cleaning/raw_cell.h"
#include "core/transaction/error.h"
#include "core/transaction/nearest_name.h"

namespace weir::python {
namespace {

bool bit(const void* bitmap, std::int64_t index) {
  return (static_cast<const std::uint8_t*>(bitmap)[index >> 3] >> (index & 7) & 1) != 0;
}

bool is_null(const ArrowArray& array, std::int64_t index) {
  return array.n_buffers > 0 && array.buffers[0] != nullptr && array.null_count != 0 &&
         !bit(array.buffers[0], index);
}

/// The type's everyday name for error texts.
std::string type_name(std::string_view format) {
  static const std::map<std::string_view, std::string_view> kNames = {
      {"n", "null"},    {"b", "bool"},       {"c", "int8"},    {"C", "uint8"},  {"s", "int16"},
      {"S", "uint16"},  {"i", "int32"},      {"I", "uint32"},  {"l", "int64"},  {"L", "uint64"},
      {"e", "float16"}, {"f", "float32"},    {"g", "float64"}, {"u", "text"},   {"U", "text"},
      {"vu", "text"},   {"z", "binary"},     {"tdD", "date"},  {"tdm", "date"}, {"+s", "struct"},
      {"+l", "list"},   {"+L", "large list"}};
  if (format.starts_with("ts")) return "timestamp";
  if (format.starts_with("d:")) return "decimal";
  const auto found = kNames.find(format);
  return std::string(found == kNames.end() ? format : found->second);
}

std::optional<std::int64_t> units_per_second(std::string_view format) {
  if (format.starts_with("tss:")) return 1;
  if (format.starts_with("tsm:")) return 1'000;
  if (format.starts_with("tsu:")) return 1'000'000;
  if (format.starts_with("tsn:")) return 1'000'000'000;
  return std::nullopt;
}

template <typename Value>
Value value_at(const ArrowArray& array, std::int64_t index) {
  return static_cast<const Value*>(array.buffers[1])[index];
}

std::int32_t view_number(const char* view, std::size_t at) {
  std::int32_t number;
  std::memcpy(&number, view + at, sizeof number);
  return number;
}

/// Text of the three layouts: 32-bit offsets, 64-bit offsets, views.
std::string_view text_at(const ArrowArray& array, std::string_view format, std::int64_t index) {
  const auto between = [&](auto offset_type) {
    using Offset = decltype(offset_type);
    const auto* offsets = static_cast<const Offset*>(array.buffers[1]);
    return std::string_view(static_cast<const char*>(array.buffers[2]) + offsets[index],
                            static_cast<std::size_t>(offsets[index + 1] - offsets[index]));
  };
  if (format == "u") return between(std::int32_t{});
  if (format == "U") return between(std::int64_t{});
  constexpr std::size_t kViewBytes = 16;
  constexpr std::int32_t kInline = 12;
  const char* view =
      static_cast<const char*>(array.buffers[1]) + static_cast<std::size_t>(index) * kViewBytes;
  const std::int32_t size = view_number(view, 0);
  if (size <= kInline) return {view + 4, static_cast<std::size_t>(size)};
  const auto* buffer = static_cast<const char*>(array.buffers[2 + view_number(view, 8)]);
  return {buffer + view_number(view, 12), static_cast<std::size_t>(size)};
}

template <typename Number>
std::string_view number_text(Number value, std::string& scratch) {
  scratch.clear();
  fmt::format_to(std::back_inserter(scratch), "{}", value);
  return scratch;
}

}  // namespace

ArrowTable ArrowTable::read(ArrowArrayStream& stream, std::string name) {
  struct Owner {
    ArrowArrayStream& stream;
    ~Owner() { stream.release(&stream); }
  } owner{stream};
  ArrowTable table;
  table.name_ = std::move(name);
  const auto check = [&](int code) {
    if (code == 0) return;
    const char* text = stream.get_last_error(&stream);
    throw Error(fmt::format("cannot read {}: {}", table.name_,
                            text == nullptr ? std::strerror(code) : text));
  };
  check(stream.get_schema(&stream, &table.schema_));
  if (std::string_view(table.schema_.format) != "+s") {
    throw Error(fmt::format("{}: items are {}, wanted rows of named columns; give a table",
                            table.name_, type_name(table.schema_.format)));
  }
  for (;;) {
    ArrowArray batch = {};
    check(stream.get_next(&stream, &batch));
    if (batch.release == nullptr) break;
    table.batches_.push_back(batch);
    table.rows_ += static_cast<std::size_t>(batch.length);
  }
  return table;
}

ArrowTable ArrowTable::take(ArrowSchema& schema, ArrowArray& array, std::string name) {
  ArrowTable table;
  table.name_ = std::move(name);
  table.schema_ = schema;
  schema.release = nullptr;
  table.batches_.push_back(array);
  array.release = nullptr;
  table.rows_ = static_cast<std::size_t>(table.batches_[0].length);
  if (std::string_view(table.schema_.format) != "+s") {
    throw Error(fmt::format("{}: items are {}, wanted rows of named columns; give a table",
                            table.name_, type_name(table.schema_.format)));
  }
  return table;
}

ArrowTable::ArrowTable(ArrowTable&& other) noexcept
    : name_(std::move(other.name_)),
      schema_(other.schema_),
      batches_(std::move(other.batches_)),
      rows_(other.rows_) {
  other.schema_.release = nullptr;
  other.batches_.clear();
}

ArrowTable::~ArrowTable() {
  for (ArrowArray& batch : batches_) {
    if (batch.release != nullptr) batch.release(&batch);
  }
  if (schema_.release != nullptr) schema_.release(&schema_);
}

std::vector<std::string> ArrowTable::column_names() const {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < schema_.n_children; ++i) {
    const char* name = schema_.children[i]->name;
    names.emplace_back(name == nullptr ? "" : name);
  }
  return names;
}

bool ArrowTable::has_column(const std::string& name) const {
  const auto names = column_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::optional<std::string> ArrowTable::metadata(std::string_view key) const {
  const char* at = schema_.metadata;
  if (at == nullptr) return std::nullopt;
  const auto number = [&] {
    const std::int32_t value = view_number(at, 0);
    at += sizeof value;
    return value;
  };
  const auto text = [&] {
    const std::int32_t size = number();
    const std::string_view value(at, static_cast<std::size_t>(size));
    at += size;
    return value;
  };
  for (std::int32_t pairs = number(); pairs > 0; --pairs) {
    const std::string_view name = text();
    const std::string_view value = text();
    if (name == key) return std::string(value);
  }
  return std::nullopt;
}

std::size_t ArrowTable::find(const std::string& name) const {
  const auto names = column_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    throw Error(fmt::format("{} lack the column {}; nearest is {}, there are {}", name_, name,
                            nearest_name(name, names), fmt::join(names, ", ")));
  }
  if (std::find(found + 1, names.end(), name) != names.end()) {
    throw Error(fmt::format("{} have the column {} twice; rename one", name_, name));
  }
  const auto column = static_cast<std::size_t>(found - names.begin());
  if (schema_.children[column]->dictionary != nullptr) {
    fail(column, "is dictionary-encoded (categorical); cast it to its values");
  }
  return column;
}

void ArrowTable::fail(std::size_t column, std::string_view what) const {
  throw Error(fmt::format("{}: column {} {}", name_, schema_.children[column]->name, what));
}

void ArrowTable::check_no_nulls(std::size_t column) const {
  std::size_t row = 0;
  for (const ArrowArray& batch : batches_) {
    const ArrowArray& array = *batch.children[column];
    for (std::int64_t at = 0; at < batch.length; ++at, ++row) {
      if (array.null_count == 0 || array.buffers[0] == nullptr) {
        row += static_cast<std::size_t>(batch.length - at);
        break;
      }
      if (is_null(array, batch.offset + at + array.offset)) {
        fail(column, fmt::format("has an empty value in row {}; clean the payments first", row));
      }
    }
  }
}

/// The column's memory as it is, when it is in one piece.
template <typename Value>
Column<Value> ArrowTable::same(std::size_t column) const {
  if (batches_.size() == 1) {
    const ArrowArray& array = *batches_[0].children[column];
    const auto* values = static_cast<const Value*>(array.buffers[1]);
    return Column<Value>(std::span(values + array.offset + batches_[0].offset, rows_));
  }
  std::vector<Value> values;
  append<Value, Value>(column, values);
  return Column<Value>(std::move(values));
}

template <typename Value, typename Source>
void ArrowTable::append(std::size_t column, std::vector<Value>& values) const {
  values.reserve(rows_);
  for (const ArrowArray& batch : batches_) {
    const ArrowArray& array = *batch.children[column];
    const auto* source = static_cast<const Source*>(array.buffers[1]) + array.offset + batch.offset;
    for (std::int64_t at = 0; at < batch.length; ++at) {
      values.push_back(static_cast<Value>(source[at]));
    }
  }
}

Column<std::int64_t> ArrowTable::integers(const std::string& name) const {
  const std::size_t column = find(name);
  check_no_nulls(column);
  std::vector<std::int64_t> values;
  const std::string_view type = format(column);
  if (type == "l") return same<std::int64_t>(column);
  if (type == "i") {
    append<std::int64_t, std::int32_t>(column, values);
  } else if (type == "I") {
    append<std::int64_t, std::uint32_t>(column, values);
  } else if (type == "s") {
    append<std::int64_t, std::int16_t>(column, values);
  } else if (type == "S") {
    append<std::int64_t, std::uint16_t>(column, values);
  } else {
    fail(column, fmt::format("is {}, wanted int64; cast it", type_name(type)));
  }
  return Column<std::int64_t>(std::move(values));
}

Column<Seconds> ArrowTable::times(const std::string& name) const {
  const std::size_t column = find(name);
  check_no_nulls(column);
  const auto units = units_per_second(format(column));
  if (!units) {
    fail(column, fmt::format("is {}, wanted timestamp; cast it", type_name(format(column))));
  }
  if (*units == 1) return same<Seconds>(column);
  std::vector<Seconds> values;
  append<Seconds, std::int64_t>(column, values);
  for (Seconds& value : values) value = value / *units - (value % *units < 0 ? 1 : 0);
  return Column<Seconds>(std::move(values));
}

Column<std::int8_t> ArrowTable::small_integers(const std::string& name) const {
  const std::size_t column = find(name);
  const std::string_view type = format(column);
  check_no_nulls(column);
  if (type == "c") return same<std::int8_t>(column);
  std::vector<std::int8_t> values;
  values.reserve(rows_);
  if (type == "b") {
    for (const ArrowArray& batch : batches_) {
      const ArrowArray& array = *batch.children[column];
      for (std::int64_t at = 0; at < batch.length; ++at) {
        values.push_back(bit(array.buffers[1], batch.offset + at + array.offset) ? 1 : 0);
      }
    }
    return Column<std::int8_t>(std::move(values));
  }
  if (type == "f" || type == "g" || type.starts_with("ts") || type == "u") {
    fail(column, fmt::format("is {}, wanted bool or int8; cast it", type_name(type)));
  }
  for (const std::int64_t value : integers(name).values()) {
    if (value < -128 || value > 127) {
      fail(column, fmt::format("holds {}, wanted bool or int8", value));
    }
    values.push_back(static_cast<std::int8_t>(value));
  }
  return Column<std::int8_t>(std::move(values));
}

Column<float> ArrowTable::floats(const std::string& name) const {
  const std::size_t column = find(name);
  check_no_nulls(column);
  if (std::string_view(format(column)) != "f") {
    fail(column, fmt::format("is {}, wanted float32; cast it", type_name(format(column))));
  }
  return same<float>(column);
}

Column<double> ArrowTable::doubles(const std::string& name) const {
  const std::size_t column = find(name);
  check_no_nulls(column);
  if (std::string_view(format(column)) != "g") {
    fail(column, fmt::format("is {}, wanted float64; cast it", type_name(format(column))));
  }
  return same<double>(column);
}

std::string_view ArrowTable::cell(const ArrowArray& array,
                                  std::size_t column,
                                  std::int64_t row,
                                  std::string& scratch) const {
  const std::int64_t index = row + array.offset;
  const std::string_view type = format(column);
  if (type == "n" || is_null(array, index)) return {};
  if (schema_.children[column]->dictionary != nullptr) {
    fail(column, "is dictionary-encoded (categorical); cast it to its values");
  }
  if (type == "u" || type == "U" || type == "vu") return text_at(array, type, index);
  if (type == "l") return number_text(value_at<std::int64_t>(array, index), scratch);
  if (type == "i") return number_text(value_at<std::int32_t>(array, index), scratch);
  if (type == "s") return number_text(value_at<std::int16_t>(array, index), scratch);
  if (type == "c") return number_text(int{value_at<std::int8_t>(array, index)}, scratch);
  if (type == "L") return number_text(value_at<std::uint64_t>(array, index), scratch);
  if (type == "I") return number_text(value_at<std::uint32_t>(array, index), scratch);
  if (type == "S") return number_text(value_at<std::uint16_t>(array, index), scratch);
  if (type == "C") return number_text(int{value_at<std::uint8_t>(array, index)}, scratch);
  if (type == "b") return bit(array.buffers[1], index) ? "1" : "0";
  scratch.clear();
  if (type == "g" || type == "f") {
    append_raw_number(type == "g" ? value_at<double>(array, index)
                                  : static_cast<double>(value_at<float>(array, index)),
                      scratch);
  } else if (const auto units = units_per_second(type)) {
    append_raw_time(value_at<std::int64_t>(array, index), *units, scratch);
  } else {
    fail(column, fmt::format("is {}; wanted text, numbers, booleans or timestamps; cast it",
                             type_name(type)));
  }
  return scratch;
}

}  // namespace weir::python

#include "edge/files/decision_reader.h"

#include <arrow/util/key_value_metadata.h>
#include <fmt/format.h>
#include <parquet/column_reader.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <string_view>
#include <utility>

#include "core/transaction/error.h"
#include "edge/files/payment_parquet.h"
#include "edge/files/storage.h"

namespace weir::files {
namespace {

struct Columns {
  int transaction_id = -1;
  int event_time = -1;
  int customer_id = -1;
  int terminal_id = -1;
  int amount_minor = -1;
  int action = -1;
  int score = -1;
  int probability = -1;
  int executed = -1;
  int is_fraud = -1;
};

int checked_column(const parquet::SchemaDescriptor& schema,
                   const std::string& name,
                   parquet::Type::type type) {
  const int column = find_column(schema, name);
  if (column < 0) return column;
  const auto got = schema.Column(column)->physical_type();
  if (got == type) return column;
  throw Error(fmt::format("column {} is {}, wanted {}", name, parquet::TypeToString(got),
                          parquet::TypeToString(type)));
}

Columns find_columns(const parquet::SchemaDescriptor& schema) {
  const auto required = [&](const std::string& name, parquet::Type::type type) {
    const int column = checked_column(schema, name, type);
    if (column >= 0) return column;
    throw Error(fmt::format("no column {}; wanted the decisions that `weir replay` writes", name));
  };
  Columns columns;
  columns.transaction_id = required("transaction_id", parquet::Type::INT64);
  columns.event_time = required("event_time", parquet::Type::INT64);
  columns.customer_id = required("customer_id", parquet::Type::INT64);
  columns.terminal_id = required("terminal_id", parquet::Type::INT64);
  columns.amount_minor = required("amount_minor", parquet::Type::INT64);
  columns.action = required("action", parquet::Type::BYTE_ARRAY);
  columns.score = checked_column(schema, "score", parquet::Type::FLOAT);
  if (columns.score < 0) columns.score = required("margin", parquet::Type::FLOAT);
  columns.probability = checked_column(schema, "probability", parquet::Type::DOUBLE);
  columns.executed = checked_column(schema, "executed", parquet::Type::BOOLEAN);
  columns.is_fraud = checked_column(schema, "is_fraud", parquet::Type::BOOLEAN);
  return columns;
}

template <typename Type, typename Target, typename Convert>
std::vector<Target> read_column(parquet::RowGroupReader& group,
                                int index,
                                std::int64_t rows,
                                Convert convert) {
  const auto column = group.Column(index);
  auto& reader = static_cast<parquet::TypedColumnReader<Type>&>(*column);
  std::vector<Target> target;
  target.reserve(static_cast<std::size_t>(rows));
  // Byte arrays live until the next batch only.
  constexpr std::int64_t kBatch = 1 << 14;
  const auto values = std::make_unique<typename Type::c_type[]>(kBatch);
  std::vector<std::int16_t> levels(reader.descr()->max_definition_level() > 0 ? kBatch : 0);
  while (std::ssize(target) < rows) {
    std::int64_t count = 0;
    const std::int64_t read = reader.ReadBatch(kBatch, levels.empty() ? nullptr : levels.data(),
                                               nullptr, values.get(), &count);
    if (read == 0 || read != count) {
      throw Error(fmt::format("column {} has a missing value near row {} of its row group",
                              reader.descr()->name(), std::ssize(target) + count));
    }
    std::transform(values.get(), values.get() + count, std::back_inserter(target), convert);
  }
  return target;
}

Action action_of(const parquet::ByteArray& text) {
  const std::string_view name(reinterpret_cast<const char*>(text.ptr), text.len);
  for (const Action action : {Action::kApprove, Action::kChallenge, Action::kDecline}) {
    if (name == action_name(action)) return action;
  }
  throw Error(fmt::format("action \"{}\"; known are approve, challenge and decline", name));
}

}  // namespace

struct DecisionFile::State {
  Place place;
  std::shared_ptr<parquet::FileMetaData> metadata;
  Columns columns;
  std::vector<std::size_t> offsets;  // Of each group, then the number of rows.

  std::unique_ptr<parquet::ParquetFileReader> open() const {
    auto input = value_or_throw(place.system->OpenInputFile(place.path), "read", place.location);
    parquet::ReaderProperties properties;
    properties.set_page_checksum_verification(true);
    return parquet::ParquetFileReader::Open(std::move(input), properties, metadata);
  }

  /// Runs `step`; its errors, Parquet's included, get the file's name.
  template <typename Step>
  auto naming_file(Step step) const {
    try {
      return step();
    } catch (const parquet::ParquetException& error) {
      throw Error(fmt::format("decisions \"{}\": damaged, or no Parquet file: {}", place.location,
                              error.what()));
    } catch (const Error& error) {
      throw Error(fmt::format("decisions \"{}\": {}", place.location, error.what()));
    }
  }
};

DecisionFile::DecisionFile(const std::string& location) {
  auto state = std::make_shared<State>();
  state->place = open_place(location);
  if (describe(state->place).type() != arrow::fs::FileType::File) {
    throw Error(fmt::format("decisions \"{}\": no such file; write one with `weir replay --out`",
                            location));
  }
  state->naming_file([&] {
    state->metadata = state->open()->metadata();
    state->columns = find_columns(*state->metadata->schema());
    std::size_t rows = 0;
    for (int group = 0; group < state->metadata->num_row_groups(); ++group) {
      state->offsets.push_back(rows);
      rows += static_cast<std::size_t>(state->metadata->RowGroup(group)->num_rows());
    }
    state->offsets.push_back(rows);
    if (rows == 0) throw Error("holds no decision");
  });
  state_ = std::move(state);
}

const std::string& DecisionFile::location() const { return state_->place.location; }
std::size_t DecisionFile::rows() const { return state_->offsets.back(); }
std::size_t DecisionFile::groups() const { return state_->offsets.size() - 1; }
std::size_t DecisionFile::offset(std::size_t group) const { return state_->offsets[group]; }
std::size_t DecisionFile::group_rows(std::size_t group) const {
  return state_->offsets[group + 1] - state_->offsets[group];
}
bool DecisionFile::has_executed() const { return state_->columns.executed >= 0; }
bool DecisionFile::has_labels() const { return state_->columns.is_fraud >= 0; }

std::string DecisionFile::metadata(const std::string& key) const {
  const auto& pairs = state_->metadata->key_value_metadata();
  if (pairs == nullptr) return "";
  const auto value = pairs->Get(key);
  return value.ok() ? *value : "";
}

DecisionRows DecisionFile::read(std::size_t group) const {
  return state_->naming_file([&] {
    const auto file = state_->open();
    const auto reader = file->RowGroup(static_cast<int>(group));
    const auto rows = static_cast<std::int64_t>(group_rows(group));
    const Columns& columns = state_->columns;
    const auto number = [&](int column) {
      return read_column<parquet::Int64Type, std::int64_t>(*reader, column, rows, std::identity{});
    };
    const auto flag = [&](int column) {
      return read_column<parquet::BooleanType, std::int8_t>(
          *reader, column, rows, [](bool value) { return static_cast<std::int8_t>(value); });
    };
    DecisionRows result;
    result.transaction_id = number(columns.transaction_id);
    result.event_time = read_column<parquet::Int64Type, Seconds>(
        *reader, columns.event_time, rows, [](std::int64_t time) { return time / kMicroseconds; });
    result.customer_id = number(columns.customer_id);
    result.terminal_id = number(columns.terminal_id);
    result.amount_minor = number(columns.amount_minor);
    result.action =
        read_column<parquet::ByteArrayType, Action>(*reader, columns.action, rows, action_of);
    result.score =
        read_column<parquet::FloatType, float>(*reader, columns.score, rows, std::identity{});
    if (columns.probability >= 0) {
      result.probability = read_column<parquet::DoubleType, double>(*reader, columns.probability,
                                                                    rows, std::identity{});
    }
    if (has_executed()) result.executed = flag(columns.executed);
    if (has_labels()) result.is_fraud = flag(columns.is_fraud);
    return result;
  });
}

}  // namespace weir::files

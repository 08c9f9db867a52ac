#include "edge/files/raw_parquet.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/table.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>

#include <cstring>

#include "core/cleaning/raw_cell.h"

namespace weir::files {
namespace {

constexpr std::int64_t kBatchRows = 1 << 16;

template <typename Work>
auto naming_file(const Place& place, const Work& work) {
  try {
    return work();
  } catch (const parquet::ParquetException& error) {
    throw Error(fmt::format("\"{}\" is damaged or no Parquet: {}; fetch the file again",
                            place.location, error.what()));
  }
}

std::unique_ptr<parquet::arrow::FileReader> open_reader(const Place& place) {
  return naming_file(place, [&] {
    auto input = value_or_throw(place.system->OpenInputFile(place.path), "read", place.location);
    parquet::arrow::FileReaderBuilder builder;
    check(builder.Open(std::move(input)), "read", place.location);
    parquet::ArrowReaderProperties properties(/*use_threads=*/false);
    properties.set_batch_size(kBatchRows);
    std::unique_ptr<parquet::arrow::FileReader> reader;
    check(builder.properties(properties)->Build(&reader), "read", place.location);
    return reader;
  });
}

std::vector<std::string> column_names(parquet::arrow::FileReader& reader, const Place& place) {
  std::shared_ptr<arrow::Schema> schema;
  check(reader.GetSchema(&schema), "read", place.location);
  return schema->field_names();
}

void append_text(std::string_view text, std::string& line) {
  if (text.find_first_of(",\"\n\r") == std::string_view::npos) {
    line += text;
    return;
  }
  line += '"';
  for (const char c : text) {
    if (c == '"') line += '"';
    line += c == '\n' || c == '\r' ? ' ' : c;
  }
  line += '"';
}

void append_time(const arrow::TimestampArray& array, std::int64_t row, std::string& line) {
  std::int64_t units = 1;
  switch (static_cast<const arrow::TimestampType&>(*array.type()).unit()) {
    case arrow::TimeUnit::SECOND:
      break;
    case arrow::TimeUnit::MILLI:
      units = 1'000;
      break;
    case arrow::TimeUnit::MICRO:
      units = 1'000'000;
      break;
    case arrow::TimeUnit::NANO:
      units = 1'000'000'000;
      break;
  }
  append_raw_time(array.Value(row), units, line);
}

/// A cell as text.
void append_cell(const arrow::Array& array,
                 std::int64_t row,
                 const Place& place,
                 std::string& line) {
  if (array.IsNull(row)) return;
  const auto number = [&](const auto& typed) {
    fmt::format_to(std::back_inserter(line), "{}", typed.Value(row));
  };
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      line += static_cast<const arrow::BooleanArray&>(array).Value(row) ? '1' : '0';
      break;
    case arrow::Type::INT8:
      return number(static_cast<const arrow::Int8Array&>(array));
    case arrow::Type::INT16:
      return number(static_cast<const arrow::Int16Array&>(array));
    case arrow::Type::INT32:
      return number(static_cast<const arrow::Int32Array&>(array));
    case arrow::Type::INT64:
      return number(static_cast<const arrow::Int64Array&>(array));
    case arrow::Type::UINT8:
      return number(static_cast<const arrow::UInt8Array&>(array));
    case arrow::Type::UINT16:
      return number(static_cast<const arrow::UInt16Array&>(array));
    case arrow::Type::UINT32:
      return number(static_cast<const arrow::UInt32Array&>(array));
    case arrow::Type::UINT64:
      return number(static_cast<const arrow::UInt64Array&>(array));
    case arrow::Type::FLOAT:
      return append_raw_number(
          static_cast<double>(static_cast<const arrow::FloatArray&>(array).Value(row)), line);
    case arrow::Type::DOUBLE:
      return append_raw_number(static_cast<const arrow::DoubleArray&>(array).Value(row), line);
    case arrow::Type::STRING:
      return append_text(static_cast<const arrow::StringArray&>(array).GetView(row), line);
    case arrow::Type::LARGE_STRING:
      return append_text(static_cast<const arrow::LargeStringArray&>(array).GetView(row), line);
    case arrow::Type::TIMESTAMP:
      return append_time(static_cast<const arrow::TimestampArray&>(array), row, line);
    default:
      append_text(value_or_throw(array.GetScalar(row), "read", place.location)->ToString(), line);
  }
}

class ParquetChunks : public ChunkSource {
 public:
  ParquetChunks(const Place& place, const ColumnNames& names)
      : place_(place), reader_(open_reader(place)) {
    naming_file(place_, [&] {
      const RowLayout layout(column_names(*reader_, place_), ',', names, place_.location);
      // The columns that the layout does not read stay unread, but keep their commas.
      std::vector<int> columns;
      read_.assign(layout.column_count(), -1);
      for (std::size_t field = 0; field < kRawFieldCount; ++field) {
        const int column = layout.column(static_cast<Field>(field));
        if (column == RowLayout::kAbsent || read_[static_cast<std::size_t>(column)] >= 0) continue;
        read_[static_cast<std::size_t>(column)] = 0;
      }
      for (std::size_t column = 0; column < read_.size(); ++column) {
        if (read_[column] < 0) continue;
        read_[column] = static_cast<int>(columns.size());
        columns.push_back(static_cast<int>(column));
      }
      std::vector<int> groups(static_cast<std::size_t>(reader_->num_row_groups()));
      for (std::size_t i = 0; i < groups.size(); ++i) groups[i] = static_cast<int>(i);
      batches_ =
          value_or_throw(reader_->GetRecordBatchReader(groups, columns), "read", place_.location);
    });
  }

  bool next(TextChunk& chunk) override {
    std::shared_ptr<arrow::RecordBatch> batch;
    naming_file(place_, [&] { check(batches_->ReadNext(&batch), "read", place_.location); });
    if (batch == nullptr) return false;
    text_.clear();
    for (std::int64_t row = 0; row < batch->num_rows(); ++row) {
      for (std::size_t column = 0; column < read_.size(); ++column) {
        if (column != 0) text_ += ',';
        if (read_[column] >= 0) append_cell(*batch->column(read_[column]), row, place_, text_);
      }
      text_ += '\n';
    }
    if (chunk.capacity < text_.size()) {
      chunk.bytes = std::make_unique_for_overwrite<char[]>(text_.size());
      chunk.capacity = text_.size();
    }
    std::memcpy(chunk.bytes.get(), text_.data(), text_.size());
    chunk.size = text_.size();
    chunk.first = std::exchange(first_, false);
    chunk.oversized = 0;
    rows_ += static_cast<std::uint64_t>(batch->num_rows());
    return true;
  }

  std::uint64_t position() const override {
    // Parquet is not read in order; by rows is near enough for a progress bar.
    const auto metadata = reader_->parquet_reader()->metadata();
    const double share =
        static_cast<double>(rows_) / std::max(1.0, static_cast<double>(metadata->num_rows()));
    return static_cast<std::uint64_t>(share * static_cast<double>(describe(place_).size()));
  }

 private:
  Place place_;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
  std::vector<int> read_;  // By column of the file: its place in a batch, or -1.
  std::string text_;
  std::uint64_t rows_ = 0;
  bool first_ = true;
};

}  // namespace

RowLayout inspect_parquet(const Place& place, const ColumnNames& names) {
  const auto reader = open_reader(place);
  return {column_names(*reader, place), ',', names, place.location};
}

std::unique_ptr<ChunkSource> open_parquet_chunks(const Place& place, const ColumnNames& names) {
  return std::make_unique<ParquetChunks>(place, names);
}

}  // namespace weir::files

#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/transaction/payment.h"
#include "edge/python/arrow_c.h"

namespace weir::python {

/// A column of one value a row: borrowed from the table where its memory serves as it is, else
/// converted. Valid as long as the table.
template <typename Value>
class Column {
 public:
  explicit Column(std::span<const Value> borrowed) : values_(borrowed) {}
  explicit Column(std::vector<Value> owned) : owned_(std::move(owned)), values_(owned_) {}
  Column(Column&&) noexcept = default;  // A moved vector keeps its memory.
  Column& operator=(Column&&) noexcept = default;
  Column(const Column&) = delete;
  Column& operator=(const Column&) = delete;

  std::span<const Value> values() const { return values_; }

 private:
  std::vector<Value> owned_;
  std::span<const Value> values_;
};

/// A table that came through the Arrow C interface: a schema and batches, released at the end.
class ArrowTable {
 public:
  /// Takes over the stream and pulls all of it. `name` is what error texts call the table. Throws
  /// Error with the producer's text when it fails, or when the items are no rows of named columns.
  static ArrowTable read(ArrowArrayStream& stream, std::string name);
  /// Takes over one batch.
  static ArrowTable take(ArrowSchema& schema, ArrowArray& array, std::string name);
  ~ArrowTable();
  ArrowTable(ArrowTable&&) noexcept;
  ArrowTable& operator=(ArrowTable&&) = delete;

  std::size_t rows() const { return rows_; }
  std::vector<std::string> column_names() const;
  bool has_column(const std::string& name) const;
  /// A text of the schema's metadata.
  std::optional<std::string> metadata(std::string_view key) const;

  /// Whole numbers; int64 in one batch is borrowed. These throw Error naming the table and the
  /// column when it is missing, of another type or has empty values.
  Column<std::int64_t> integers(const std::string& name) const;
  /// Timestamps of any unit and zone, as UTC seconds; seconds in one batch are borrowed.
  Column<Seconds> times(const std::string& name) const;
  /// Booleans, or whole numbers from -128 to 127.
  Column<std::int8_t> small_integers(const std::string& name) const;
  /// float32; borrowed when in one batch.
  Column<float> floats(const std::string& name) const;
  /// float64; borrowed when in one batch.
  Column<double> doubles(const std::string& name) const;

  /// All columns of a row as the text that `clean` reads; empty values are empty text. Calls
  /// `visit(row, cells)` row by row. Throws Error for a column of a type that has no such text.
  template <typename Visit>
  void for_each_row_as_text(const std::vector<int>& columns, const Visit& visit) const;

 private:
  ArrowTable() = default;
  std::size_t find(const std::string& name) const;
  const char* format(std::size_t column) const { return schema_.children[column]->format; }
  [[noreturn]] void fail(std::size_t column, std::string_view what) const;
  template <typename Value>
  Column<Value> same(std::size_t column) const;
  template <typename Value, typename Source>
  void append(std::size_t column, std::vector<Value>& values) const;
  void check_no_nulls(std::size_t column) const;
  std::string_view cell(const ArrowArray& array,
                        std::size_t column,
                        std::int64_t row,
                        std::string& scratch) const;

  std::string name_;
  ArrowSchema schema_ = {};
  std::vector<ArrowArray> batches_;
  std::size_t rows_ = 0;
};

template <typename Visit>
void ArrowTable::for_each_row_as_text(const std::vector<int>& columns, const Visit& visit) const {
  std::vector<std::string_view> cells(columns.size());
  std::vector<std::string> scratch(columns.size());
  std::size_t row = 0;
  for (const ArrowArray& batch : batches_) {
    for (std::int64_t at = 0; at < batch.length; ++at, ++row) {
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (columns[i] < 0) continue;
        const auto column = static_cast<std::size_t>(columns[i]);
        cells[i] = cell(*batch.children[column], column, batch.offset + at, scratch[i]);
      }
      visit(row, std::span<const std::string_view>(cells));
    }
  }
}

}  // namespace weir::python

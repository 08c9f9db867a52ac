#pragma once

#include <array>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/cleaning/clean_row.h"

namespace weir {

/// The column names that are understood without configuration, in lower case.
struct FieldNames {
  Field field;
  std::array<std::string_view, 4> names;  ///< Unused ones are empty.
};
std::span<const FieldNames> known_field_names();

/// Names of the user's columns: field → column.
using ColumnNames = std::map<Field, std::string>;

/// Parses `FIELD=NAME` words, e.g. `amount=SUM`. Throws UsageError naming the nearest field.
ColumnNames parse_column_names(const std::vector<std::string>& words);

/// Which column holds which field.
class RowLayout {
 public:
  static constexpr int kAbsent = -1;

  /// From the columns' names. Throws Error naming `source`, the missing field and what was there.
  RowLayout(const std::vector<std::string>& columns,
            char delimiter,
            const ColumnNames& names,
            std::string_view source);

  /// From the first line of a text file: the course's `# a | b | c` (rows are comma-separated all
  /// the same) or a CSV header with `,`, `;` or tab. A byte order mark is skipped.
  static RowLayout from_header(std::string_view line,
                               const ColumnNames& names,
                               std::string_view source);

  int column(Field field) const { return columns_[static_cast<std::size_t>(field)]; }
  bool labelled() const { return column(Field::kIsFraud) != kAbsent; }
  std::size_t column_count() const { return column_count_; }
  char delimiter() const { return delimiter_; }
  /// Id, time, customer, terminal, amount, seconds, days, fraud, scenario with commas between: what
  /// parse_ordinary_row reads.
  bool is_course_order() const { return course_order_; }

  /// The fields of a row, given its columns; as many as column_count.
  RawPayment fields(std::span<const std::string_view> row) const;

 private:
  std::array<int, kRawFieldCount> columns_;
  std::size_t column_count_;
  char delimiter_;
  bool course_order_;
};

}  // namespace weir

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/transaction/payment.h"
#include "edge/python/arrow_c.h"

namespace weir::python {

/// Named columns that are handed out through the Arrow C interface without a copy: whoever takes
/// them shares the memory, as often and as long as they like. Immutable once handed out.
class TableOutput {
 public:
  explicit TableOutput(std::size_t rows) : rows_(rows) {}

  std::size_t rows() const { return rows_; }
  std::vector<std::string> column_names() const;

  void add(std::string name, std::vector<std::int64_t> values);
  void add(std::string name, std::vector<std::int8_t> values);
  void add(std::string name, std::vector<float> values);
  void add(std::string name, std::vector<double> values);
  /// Part of memory that `owner` keeps.
  void add(std::string name, std::shared_ptr<const void> owner, const float* values);
  void add(std::string name, const std::vector<std::string>& texts);
  void add_flags(std::string name, const std::vector<std::int8_t>& values);
  /// UTC seconds → timestamp[us, UTC].
  void add_times(std::string name, std::span<const Seconds> values);
  /// The last column's empty rows.
  void set_nulls(const std::vector<bool>& is_null);
  void set_metadata(std::vector<std::pair<std::string, std::string>> pairs);

  /// The table as one struct array. The caller releases both.
  void export_schema(ArrowSchema& schema) const;
  void export_array(ArrowArray& array) const;

 private:
  struct Buffers {
    std::vector<std::shared_ptr<const void>> memory;  // Validity, then as the type asks.
    std::int64_t null_count = 0;
  };
  struct Field {
    std::string name;
    std::string format;
    Buffers buffers;
  };
  template <typename Value>
  void add_vector(std::string name, const char* format, std::vector<Value> values);

  std::size_t rows_;
  std::vector<Field> fields_;
  std::string metadata_;
};

/// A stream of one batch, as __arrow_c_stream__ gives it. The caller releases it.
void export_stream(std::shared_ptr<const TableOutput> table, ArrowArrayStream& stream);

}  // namespace weir::python

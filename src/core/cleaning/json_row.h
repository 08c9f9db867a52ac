#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <variant>

#include "core/cleaning/clean_row.h"

namespace weir {

/// Reads payments as JSON objects: the REST request and the lines of JSON files.
///
/// Fields `transaction_id`, `event_time` (RFC 3339), `customer_id`, `terminal_id`, `amount` (a
/// decimal number, read digit by digit, or text), optional `is_fraud` and `fraud_scenario`, by the
/// names of known_field_names(). Ids may be numbers or text of digits. Unknown fields are ignored;
/// a field given twice, a missing one and text that is no JSON object break the rule field_count.
/// Not to be shared between threads. About 0.3 us a row, 1.5 us one with escapes, signs or nesting.
///
/// By nlohmann/json's event parser, not simdjson: pyarrow's libparquet exports a simdjson of its
/// own, and two versions under the same names in one process crash or not by the order of linking.
class JsonRowParser {
 public:
  JsonRowParser();
  ~JsonRowParser();
  JsonRowParser(JsonRowParser&&) noexcept;
  JsonRowParser& operator=(JsonRowParser&&) noexcept;

  /// Rows without `is_fraud` are faulty where `labels_required`.
  std::variant<CleanedPayment, Reject> clean(std::string_view json,
                                             const CleaningConfig& config,
                                             bool labels_required = false);
  /// True for an object that has a label.
  bool has_label(std::string_view json);
  /// Fields of the last row whose names are not known.
  std::uint64_t unknown_fields() const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace weir

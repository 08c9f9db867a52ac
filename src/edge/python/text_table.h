#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/cleaning/report.h"
#include "core/cleaning/text_rows.h"
#include "edge/python/arrow_input.h"
#include "edge/python/arrow_output.h"

namespace weir::python {

/// What some lines of a raw file give.
struct CleanedLines {
  /// The payments in the file's order, duplicates and all, with `time_repaired` and `offset`, the
  /// byte at which the line begins.
  std::shared_ptr<const TableOutput> payments;
  /// rule, field, value, line (from 0), offset, amount_minor, is_fraud, raw.
  std::shared_ptr<const TableOutput> rejects;
  std::uint64_t lines = 0;
  CleanReport report;  ///< What was read and rejected; `clean` is left to order_payments.
};

/// A raw text file whose beginning is known; cleans any of its lines. One a thread.
class TextFile {
 public:
  /// `config` without a time origin: the one that most of the first rows share.
  TextFile(std::string_view head,
           const ColumnNames& names,
           CleaningConfig config,
           std::string source);

  bool labelled() const { return layout_.labelled; }
  std::optional<Seconds> time_origin() const { return layout_.time_origin; }
  /// `text`: whole lines; a last one without its end is given one. `first`: they begin the file.
  CleanedLines clean(std::string text, bool first);

 private:
  std::string source_;
  TextLayout layout_;
  CleaningConfig config_;
  TextCleaner cleaner_;
  TextRows rows_;
};

struct OrderedPayments {
  std::shared_ptr<const TableOutput> payments;  ///< Sorted by event_time, transaction_id.
  CleanReport report;  ///< What is clean, repaired and kept; `in` and the rejects are zero.
};

/// Puts payments in batch order, as the lake has them, and counts them. `time_repaired` is used
/// where it is there, and left out of the result.
OrderedPayments order_payments(const ArrowTable& payments);

}  // namespace weir::python

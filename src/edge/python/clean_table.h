#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/cleaning/report.h"
#include "core/cleaning/row_layout.h"
#include "edge/python/arrow_input.h"
#include "edge/python/arrow_output.h"

namespace weir::python {

struct CleanSettings {
  ColumnNames columns;      ///< The user's names.
  CleaningConfig config;    ///< Without a time origin: what most of the first rows share.
  std::set<Rule> accepted;  ///< Rules that may take more frauds than chance.
};

struct CleanedTable {
  CleanReport report;
  std::shared_ptr<const TableOutput> payments;  ///< Sorted by event_time, transaction_id.
  std::shared_ptr<const TableOutput> rejects;  ///< rule, field, value, row, amount_minor, is_fraud.
};

/// Cleans a raw table as `weir clean` does a Parquet file of it. Throws Error like it, too: for a
/// missing column, and for a rule that would take far more frauds than chance.
CleanedTable clean_table(const ArrowTable& raw, const CleanSettings& settings);

/// Throws Error naming the rules that would take frauds beyond chance, `accepted` ones left out.
void check_fraud_eaters(const CleanReport& report, const std::set<Rule>& accepted);

}  // namespace weir::python

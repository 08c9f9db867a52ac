#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <string>

#include "cli/command.h"
#include "core/transaction/payment.h"

namespace weir::cli {

struct ExportOptions {
  std::string journal;
  std::string out;  ///< Lake: a folder or s3://.
  std::optional<Seconds> from;
  std::optional<Seconds> to;
  bool labelled = false;  ///< Only payments whose outcome is known, with it.
  std::string decisions;  ///< Parquet file of the decisions; empty: none.
  std::string feedback;   ///< Parquet file of the feedback; empty: none.
};

struct ExportResult {
  std::uint64_t payments = 0;
  std::uint64_t days = 0;
  std::uint64_t frauds = 0;   ///< Of a labelled lake.
  std::uint64_t unknown = 0;  ///< Payments that a labelled lake leaves out.
};

/// Writes a period of a journal as a lake, while the service goes on. Throws Error when the period
/// has no payment.
ExportResult run_export(const ExportOptions& options, Progress& progress);

void add_export_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli

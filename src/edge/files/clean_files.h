#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/cleaning/report.h"
#include "core/cleaning/row_layout.h"
#include "core/cleaning/terminals.h"
#include "core/transaction/progress.h"

namespace weir::files {

struct CleanSettings {
  std::vector<std::string> inputs;  ///< Files, folders, patterns; local or s3://.
  std::string lake;                 ///< A folder or s3://bucket/prefix.
  ColumnNames columns;
  std::optional<TerminalSet> terminals;
  std::set<Rule> accepted;  ///< Rules that may take more frauds than chance.
  int threads = 0;          ///< 0: all cores.
  std::uint64_t memory_bytes = std::uint64_t{2} << 30;  ///< Of payments; past it they go to disk.
};

/// Reads raw files, applies every rule and publishes a lake: clean/, quarantine/,
/// reports/clean.json.
///
/// Three steps: read and check each row (the first row of an id is the one kept, in log order =
/// files, then lines); look up the few rows whose id came before; sort and write day by day. The
/// lake's bytes depend on the rows and the settings only, not on threads or memory. Throws Error,
/// and publishes nothing, for unusable input, a full disk, a rule that takes frauds beyond chance,
/// and when no row is clean.
CleanReport clean_files(const CleanSettings& settings, Progress& progress);

}  // namespace weir::files

#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "core/cleaning/report.h"
#include "core/transaction/progress.h"

namespace weir::cli {

/// What `weir clean` takes. Texts as on the command line.
struct CleanOptions {
  std::vector<std::string> inputs;        ///< Files, folders, patterns.
  std::string out;                        ///< The lake.
  std::vector<std::string> columns;       ///< FIELD=NAME
  std::string terminals;                  ///< `0..999`, a file, or empty: every number is one.
  std::vector<std::string> accept_rules;  ///< Rules that may take more frauds than chance.
  int threads = 0;                        ///< 0: all cores.
  int memory_mb = 2048;                   ///< For payments; past it they wait on disk.
};

/// Raw files → lake. Throws Error, and publishes nothing, as clean_files() says.
CleanReport run_clean(const CleanOptions& options, Progress& progress);

void add_clean_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli

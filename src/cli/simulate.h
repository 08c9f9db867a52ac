#pragma once

#include <string>

#include "cli/command.h"
#include "core/simulation/simulation_spec.h"
#include "core/transaction/progress.h"
#include "edge/files/simulation_files.h"

namespace weir::cli {

struct SimulateOptions {
  SimulationSpec spec = SimulationSpec::preset("course-small");
  std::string out;
  int threads = 0;  ///< 0: all cores.
};

struct SimulateResult {
  files::SimulationFiles files;
  std::string raw;      ///< The folder of raw files.
  std::string windows;  ///< The truth that only evaluation may open.
};

/// Writes raw files and, apart, the truth. Same options, same bytes, for any number of threads.
SimulateResult run_simulate(const SimulateOptions& options, Progress& progress);

void add_simulate_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli

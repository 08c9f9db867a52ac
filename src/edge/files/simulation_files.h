#pragma once

#include <filesystem>
#include <vector>

#include "core/simulation/planted.h"
#include "core/simulation/simulator.h"
#include "core/transaction/progress.h"

namespace weir::files {

struct SimulationFiles {
  PlantedCounts counts;
  std::vector<std::filesystem::path> raw;  ///< In `folder`, in time order.
  std::int64_t bytes = 0;                  ///< Of the raw files.
};

/// Writes `raw/YYYY-MM-DD.txt` (or `.csv`), `truth/windows.csv` and `truth/planted.json` under
/// `folder`. `raw` and `truth` appear, or replace those of an earlier simulation, only when all is
/// written; what else is in `folder` stays.
///
/// The bytes do not depend on `threads`. Memory: the simulator's, plus about 12 MB a thread (in
/// time order: one day a thread). Throws Error when the disk is full.
SimulationFiles write_simulation(const Simulator& simulator,
                                 const std::filesystem::path& folder,
                                 int threads,
                                 Progress& progress);

}  // namespace weir::files

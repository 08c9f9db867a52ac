#pragma once

#include <filesystem>
#include <string>

#include "cli/command.h"
#include "core/transaction/progress.h"
#include "edge/files/feature_table.h"
#include "edge/training/training.h"

namespace weir::cli {

struct TrainOptions {
  std::string input;  ///< A feature table, as `weir features` writes it.
  std::string out;    ///< Folder of the bundle.
  /// A forest grown elsewhere (forest.ubj, with forest.json beside it), instead of training one.
  std::string forest;
  training::TrainingSettings settings;
};

struct TrainResult {
  training::TrainingResult training;
  std::string version;  ///< Of the bundle that was written.
  double seconds = 0;
};

/// Reads the table, trains and writes the bundle as a whole. 0 threads: all cores.
TrainResult run_train(const TrainOptions& options, Progress& progress);

/// The same on a table that is in memory already.
TrainResult run_train(const files::FeatureTable& table,
                      const TrainOptions& options,
                      Progress& progress);

void add_train_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli

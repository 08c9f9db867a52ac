#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/command.h"
#include "core/features/feature_spec.h"
#include "core/transaction/payment.h"
#include "core/transaction/progress.h"

namespace weir::cli {

/// A built-in name (`weir`, `handbook`) or a TOML file.
FeatureSpec load_feature_spec(const std::string& name_or_file);

struct FeaturesOptions {
  std::string lake;
  std::string out;
  std::string spec = "weir";  ///< See load_feature_spec.
  std::optional<Seconds> from;
  std::optional<Seconds> to;
  Seconds label_delay = 7 * kSecondsPerDay;
  int threads = 0;  ///< 0: all cores.
};

struct FeaturesResult {
  FeatureSpec spec;
  std::uint64_t rows = 0;          ///< Written.
  std::uint64_t history_rows = 0;  ///< Before `from`: in the windows only.
  Seconds first = 0;               ///< Event times of the rows written.
  Seconds last = 0;
};

/// Reads the payments of the lake before `to`, writes the features of those in [from, to).
FeaturesResult run_features(const FeaturesOptions& options, Progress& progress);

void add_features_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli

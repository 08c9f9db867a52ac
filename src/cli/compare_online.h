#pragma once

#include <cstdint>
#include <string>

#include "cli/command.h"
#include "core/evaluation/online_trial.h"

namespace weir::cli {

struct OnlineCompareOptions {
  std::string champion;  ///< Bundle folder, as the challenger's.
  std::string challenger;
  std::string journal;  ///< Of the service that runs both.
  TrialOptions trial;
};

/// Judges a trial from the journal of the service, while it goes on: the payments that both models
/// were asked about, and what became known of them.
TrialResult run_online_compare(const OnlineCompareOptions& options, Progress& progress);

/// Prints a result; as one JSON document where the terminal wants it.
void print_trial(const TrialResult& result, const Terminal& terminal);

}  // namespace weir::cli

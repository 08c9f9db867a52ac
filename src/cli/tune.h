#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/loop_replay.h"
#include "cli/loop_scenarios.h"
#include "core/evaluation/policy_search.h"

namespace weir::cli {

struct TuneOptions {
  std::string bundle;
  std::string out;   ///< Folder of the tuned bundle.
  std::string page;  ///< HTML with the frontier; empty: none.
  std::optional<double> challenge_cost;
  std::optional<double> lost_genuine_cost;
  std::optional<double> review_cost;
  PolicyLimits limits;
  FeedbackFlags world;
  LoopReplayOptions replay;
};

struct TuneResult {
  Seconds from = 0;
  Seconds to = 0;
  std::vector<PolicyTrial> trials;
  std::size_t best = 0;
  std::string version;  ///< Of the tuned bundle; empty when no trial kept the limits.
};

/// Searches the policy that costs least within the limits on a period before the one it is for:
/// replays the closed loop under one policy after the other, all facing the same answers. Writes
/// the bundle with the best policy, and the page. Throws Error, after the page is written, when no
/// policy keeps the limits: it names the nearest one.
TuneResult run_tune(const TuneOptions& options, Progress& progress);

void add_tune_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli

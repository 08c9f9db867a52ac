#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/loop_replay.h"
#include "cli/verify.h"

namespace weir::cli {

/// What a file of replayed decisions says of itself, so that they can be made again: the scenario
/// and the period.
std::vector<std::pair<std::string, std::string>> replay_metadata(const LoopReplayOptions& options,
                                                                 const LoopScenario& scenario);

struct VerifyReplayOptions {
  std::string decisions;  ///< Parquet, written by a replay of the closed loop.
  std::string bundle;
  std::string lake;
  int threads = 0;
};

/// Replays the period again, with the world and the policy that the file names, and compares each
/// decision with the recorded one: payment, action, whether it was executed, and score and
/// probability to the bit. Throws Error where the file is of another bundle or names no replay.
VerifyResult verify_replay(const VerifyReplayOptions& options, Progress& progress);

}  // namespace weir::cli

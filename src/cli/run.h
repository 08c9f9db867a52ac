#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/evaluate.h"
#include "cli/loop_replay.h"
#include "cli/replay.h"
#include "core/cleaning/report.h"

namespace weir::cli {

struct RunOptions {
  std::vector<std::string> inputs;  ///< Raw files; empty: simulate `preset`.
  std::string out = "out/run";
  std::string preset = "course-small";
  std::string terminals;  ///< As for `weir clean`; known when simulated.
  std::string truth;      ///< As for `weir evaluate`; known when simulated.
  std::string spec = "weir";
  std::optional<Seconds>
      test_from;  ///< Judged from here on; the last quarter of the days if absent.
  Seconds label_delay = 7 * kSecondsPerDay;
  int bootstrap = 200;
  std::optional<std::uint64_t> seed;  ///< Absent: the preset's own for simulation, 1 elsewhere.
  int threads = 0;
};

struct RunResult {
  CleanReport cleaning;
  EvaluateResult evaluation;
  ReplayResult replay;
  std::vector<LoopResult> loop;  ///< The closed loop first.
  double seconds = 0;
};

/// The main job: raw payments → lake → profile → features → bundle → evaluation → decisions.
///
/// Training and validation end a label delay before the judged period begins. The decisions of the
/// live pipeline must equal those of the batch, else Error.
RunResult run_all(const RunOptions& options, Progress& progress);

void add_run_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli

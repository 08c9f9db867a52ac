#pragma once

#include <string>
#include <vector>

#include "cli/loop_replay.h"
#include "cli/replay_page.h"

namespace weir::cli {

/// A replay of the closed loop with what people look at.
struct LoopReportOptions {
  std::string bundle;
  std::string decisions;  ///< Parquet of the first scenario's decisions; empty: none.
  std::string feedback;   ///< Parquet of what its policy was told; empty: none.
  std::string page;       ///< HTML; empty: none.
  std::string truth;      ///< truth/windows.csv, for the episodes on the page.
  std::vector<ReplayReference> references;  ///< Rows for the page's comparison, such as the floor.
  bool frontier = false;  ///< Also replays other budgets for touching genuine payments.
  LoopReplayOptions replay;
};

/// Its place on the frontier.
FrontierPoint point_of(const LoopResult& result, std::string name);

/// Replays `scenarios` (and, beside the first of them, the open loop and the frontier where a page
/// is wanted) and writes decisions and page. Gives the results of `scenarios` in their order, then
/// the others.
std::vector<LoopResult> run_loop_report(const LoopReportOptions& options,
                                        const Bundle& bundle,
                                        std::vector<LoopScenario> scenarios,
                                        Progress& progress);

}  // namespace weir::cli

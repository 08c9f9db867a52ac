#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "core/transaction/progress.h"

namespace weir::files {

/// What workers tell the thread that shows the progress.
struct WorkerState {
  std::atomic<std::uint64_t> done{0};  ///< In the unit of Progress::begin.
  std::atomic<bool> stop{false};       ///< Set on an error or Ctrl-C: return soon.
};

/// The number of threads to use: `threads`, or every core when it is 0 or less.
int thread_count(int threads);

/// Runs `work(index)` for every index in [0, count) on up to `threads` threads, lower indices
/// first.
///
/// The calling thread shows `state.done` through `progress` (begin and end are the caller's). The
/// first exception, Interrupted included, stops the others and is thrown here after all have ended.
void for_each_index(std::size_t count,
                    int threads,
                    Progress& progress,
                    WorkerState& state,
                    const std::function<void(std::size_t)>& work);

}  // namespace weir::files

#pragma once

#include <cstddef>

#include "core/features/load_step.h"

namespace weir {

/// Calls `visit(i)` for 0..count-1 in order and, while others before it are visited,
/// `load(i, step)` for each step: what waits for memory then waits beside other payments' work.
template <typename Load, typename Visit>
void look_ahead(std::size_t count, const Load& load, const Visit& visit) {
  for (std::size_t at = 0; at < count + kLoadedAhead; ++at) {
    if (at >= kLoadedAhead) visit(at - kLoadedAhead);  // Then its place is free.
    for (std::size_t step = 0; step < kLoadSteps; ++step) {
      const std::size_t later = step * kVisitsApart;
      if (at >= later && at - later < count) load(at - later, static_cast<LoadStep>(step));
    }
  }
}

}  // namespace weir

#pragma once

#include <cstdint>
#include <span>

namespace weir {

/// Population stability index between two histograms over the same bins:
/// PSI = Σ (a_i − b_i) · ln(a_i / b_i) with a, b the bins' shares (Kullback-Leibler divergence both
/// ways, added). A share below 1e-4 counts as 1e-4, so that an empty bin does not make it infinite.
///
/// Common reading: below 0.1 stable, 0.1 to 0.25 worth a look, above a real change. Throws Error
/// when the numbers of bins differ or one side is empty.
double population_stability_index(std::span<const std::int64_t> before,
                                  std::span<const std::int64_t> after);

}  // namespace weir

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/transaction/payment.h"

namespace weir {

/// Where a measure lies over bootstrap samples; the middle 95 % where nothing else is said.
struct Interval {
  double low = 0;
  double high = 0;
};

/// Weights of bootstrap sample `number`: each customer counts Poisson(1) times, with all his
/// payments, since payments of one card are not independent (Poisson bootstrap of clusters;
/// Chamandy et al. 2012).
///
/// Chance is a hash of (seed, number, customer): the same weights in whatever order and on whatever
/// thread they are asked for.
std::vector<std::uint8_t> bootstrap_weights(std::span<const std::int64_t> customer_ids,
                                            std::uint64_t seed,
                                            std::uint64_t number);

/// The Poisson(1) count whose cumulative probability first exceeds `chance` in [0, 1).
std::uint8_t poisson_of_one(double chance);

/// The `tail` and 1 - `tail` quantiles (linear between order statistics): the middle 95 % if not
/// said otherwise. NaN values are left out; both ends are NaN when none is left.
Interval percentile_interval(std::vector<double> values, double tail = 0.025);

}  // namespace weir

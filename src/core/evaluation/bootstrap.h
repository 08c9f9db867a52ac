#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/transaction/payment.h"

namespace weir {

/// The middle 95 % of a measure over bootstrap samples.
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

/// The 2.5 % and 97.5 % quantiles (linear between order statistics). NaN values are left out; both
/// ends are NaN when none is left.
Interval percentile_interval(std::vector<double> values);

}  // namespace weir

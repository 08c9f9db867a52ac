#include "core/evaluation/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/transaction/hash.h"

namespace weir {

std::uint8_t poisson_of_one(double chance) {
  double probability = std::exp(-1.0);
  double cumulative = probability;
  std::uint8_t count = 0;
  while (chance >= cumulative && count < 20) {
    ++count;
    probability /= count;
    cumulative += probability;
  }
  return count;
}

std::vector<std::uint8_t> bootstrap_weights(std::span<const std::int64_t> customer_ids,
                                            std::uint64_t seed,
                                            std::uint64_t number) {
  std::vector<std::uint8_t> weights;
  weights.reserve(customer_ids.size());
  for (const std::int64_t customer : customer_ids) {
    weights.push_back(
        poisson_of_one(unit_interval(hash64(seed, number, static_cast<std::uint64_t>(customer)))));
  }
  return weights;
}

Interval percentile_interval(std::vector<double> values, double tail) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  if (values.empty()) {
    const double none = std::numeric_limits<double>::quiet_NaN();
    return {none, none};
  }
  std::sort(values.begin(), values.end());
  const auto quantile = [&](double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (values[above] - values[below]) * (place - static_cast<double>(below));
  };
  return {quantile(tail), quantile(1 - tail)};
}

}  // namespace weir

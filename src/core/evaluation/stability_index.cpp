#include "core/evaluation/stability_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/transaction/error.h"

namespace weir {

double population_stability_index(std::span<const std::int64_t> before,
                                  std::span<const std::int64_t> after) {
  if (before.size() != after.size()) {
    throw Error(fmt::format("the stability index needs the same bins on both sides, got {} and {}",
                            before.size(), after.size()));
  }
  const auto total_before = std::accumulate(before.begin(), before.end(), std::int64_t{0});
  const auto total_after = std::accumulate(after.begin(), after.end(), std::int64_t{0});
  if (total_before <= 0 || total_after <= 0) {
    throw Error("the stability index needs rows in both periods, one has none");
  }
  static constexpr double kLeastShare = 1e-4;
  const auto share = [](std::int64_t rows, std::int64_t total) {
    return std::max(kLeastShare, static_cast<double>(rows) / static_cast<double>(total));
  };
  double index = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double b = share(before[i], total_before);
    const double a = share(after[i], total_after);
    index += (a - b) * std::log(a / b);
  }
  return index;
}

}  // namespace weir

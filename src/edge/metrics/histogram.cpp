#include "edge/metrics/histogram.h"

#include <algorithm>

namespace weir::metrics {
namespace {

constexpr double kLatency[] = {5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3,
                               5e-3, 1e-2, 2e-2, 5e-2, 0.1,  0.25, 1,    5};
constexpr double kCount[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5};
constexpr double kProbability[] = {1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.2,
                                   0.3,  0.4,  0.5,  0.6,  0.7,  0.8,  0.9, 0.99};

}  // namespace

void Histogram::observe(double value) {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  ++counts_[static_cast<std::size_t>(bucket)];
  sum_ += value;
  ++count_;
}

std::span<const double> latency_bounds() { return kLatency; }
std::span<const double> count_bounds() { return kCount; }
std::span<const double> probability_bounds() { return kProbability; }

}  // namespace weir::metrics

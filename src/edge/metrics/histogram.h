#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace weir::metrics {

/// Counts of values by upper bound, both as Prometheus has them. Bounds must outlive it.
class Histogram {
 public:
  explicit Histogram(std::span<const double> bounds)
      : bounds_(bounds), counts_(bounds.size() + 1) {}

  void observe(double value);

  std::span<const double> bounds() const { return bounds_; }
  /// Values at or below bounds()[i] and above the bound before; the last: above all bounds.
  std::span<const std::uint64_t> counts() const { return counts_; }
  double sum() const { return sum_; }
  std::uint64_t count() const { return count_; }

 private:
  std::span<const double> bounds_;
  std::vector<std::uint64_t> counts_;
  double sum_ = 0;
  std::uint64_t count_ = 0;
};

/// 5 µs to 5 s.
std::span<const double> latency_bounds();
/// 1 to 100,000, for numbers of messages.
std::span<const double> count_bounds();
/// Probabilities, finer where fraud is rare.
std::span<const double> probability_bounds();

}  // namespace weir::metrics

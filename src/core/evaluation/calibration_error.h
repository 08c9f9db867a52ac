#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir {

/// Payments of similar probability: what was said and what came.
struct ReliabilityBin {
  double mean_probability = 0;
  double fraud_rate = 0;
  std::uint64_t payments = 0;
};

/// `bins` groups of (nearly) equally many payments by rising probability; equal probabilities stay
/// together, so there may be fewer groups.
std::vector<ReliabilityBin> reliability(std::span<const double> probabilities,
                                        std::span<const std::int8_t> is_fraud,
                                        std::size_t bins);

/// Expected calibration error: mean of |probability − fraud rate| over the bins, weighted by
/// payments (Naeini, Cooper, Hauskrecht 2015, with equal-mass bins). 0 without bins.
double expected_calibration_error(std::span<const ReliabilityBin> bins);

/// Mean of (probability − outcome)² (G. Brier 1950). 0 without payments.
double brier_score(std::span<const double> probabilities, std::span<const std::int8_t> is_fraud);

}  // namespace weir

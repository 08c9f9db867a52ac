#pragma once

#include <cstdint>

#include "core/transaction/hash.h"

namespace weir {

/// The standard normal distribution's quantile of `probability` in (0, 1), to about 1e-15 (M.
/// Wichura, Algorithm AS 241, Applied Statistics 37, 1988).
double normal_quantile(double probability);

/// Random draws of one subject (a customer's day, a day's starts): the key decides all of them, so
/// they do not depend on what any other thread drew. SplitMix64.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t first, std::uint64_t second = 0)
      : state_(hash64(seed, first, second)) {}

  std::uint64_t bits() {
    const std::uint64_t result = mix64(state_);
    state_ += 0x9E3779B97F4A7C15ULL;
    return result;
  }

  /// In [0, 1).
  double uniform() { return unit_interval(bits()); }

  /// Mean 0, standard deviation 1.
  double normal() { return normal_quantile(uniform() + 0x1.0p-54); }

  /// One of 0 … count - 1, each as likely to within 2^-53; `count` is positive.
  std::uint64_t below(std::uint64_t count) {
    return static_cast<std::uint64_t>(uniform() * static_cast<double>(count));
  }

  /// A Poisson number whose mean is `mean`; `exp_minus_mean` = exp(-mean) must not underflow, so
  /// mean is below 700.
  int poisson(double mean, double exp_minus_mean) {
    const double target = uniform();
    double probability = exp_minus_mean;
    double cumulative = probability;
    int count = 0;
    while (target >= cumulative && count < 10'000) {
      ++count;
      probability *= mean / count;
      cumulative += probability;
    }
    return count;
  }

 private:
  std::uint64_t state_;
};

}  // namespace weir

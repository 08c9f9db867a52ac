#include "core/evaluation/mixture_bound.h"

#include <cmath>

#include "core/transaction/error.h"

namespace weir {

MixtureBound::MixtureBound(double tightest_at, double error) : log_limit_(-std::log(error)) {
  WEIR_CHECK(tightest_at > 0 && error > 0 && error < 0.5);
  // The best mixing variance is tightest_at / (x - 1) with x - ln x = 1 - 2 ln(2 error), as of the
  // two-sided mixture with both tails (Howard et al. 2021, proposition 3).
  const double wanted = 1 - 2 * std::log(2 * error);
  double x = wanted;
  for (int turn = 0; turn < 50; ++turn) x = wanted + std::log(x);
  mixing_ = tightest_at / (x - 1);
}

double MixtureBound::log_evidence(double sum, double variance) const {
  const double total = variance + mixing_;
  // ln 2 Φ(z); erfc keeps its precision far below zero, where it is not needed beyond -30.
  const double z = std::fmax(sum / std::sqrt(total), -30.0);
  return 0.5 * std::log(mixing_ / total) + z * z / 2 + std::log(std::erfc(-z / std::sqrt(2.0)));
}

double MixtureBound::at(double variance) const {
  double low = 0;
  double high = std::sqrt(variance + mixing_);
  while (log_evidence(high, variance) < log_limit_) high *= 2;
  for (int turn = 0; turn < 60; ++turn) {
    const double middle = (low + high) / 2;
    (log_evidence(middle, variance) < log_limit_ ? low : high) = middle;
  }
  return high;
}

}  // namespace weir

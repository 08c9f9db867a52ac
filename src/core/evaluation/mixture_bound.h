#pragma once

namespace weir {

/// How far a sum without drift upwards strays, at all times together: P(ever sum > at(variance)) is
/// at most `error`, however often one looks and whenever one stops.
///
/// The one-sided normal mixture (Robbins 1970; Howard, Ramdas, McAuliffe, Sekhon 2021,
/// "Time-uniform, nonparametric, nonasymptotic confidence sequences", half-normal mixing). With a
/// variance that is estimated from the same data it holds asymptotically (Waudby-Smith, Arbour,
/// Sinha, Kennedy, Ramdas 2024, "Time-uniform central limit theory and asymptotic confidence
/// sequences").
class MixtureBound {
 public:
  /// `tightest_at`: the variance at which the bound is narrowest; fixed before the looks it is for.
  MixtureBound(double tightest_at, double error);

  double at(double variance) const;
  /// Natural logarithm of the evidence (an e-value) that the sum drifts upwards.
  double log_evidence(double sum, double variance) const;

 private:
  double mixing_;
  double log_limit_;
};

}  // namespace weir

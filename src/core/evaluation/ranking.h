#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir {

/// One step of a curve over falling thresholds: everything scored at or above `threshold` is
/// flagged.
struct CurvePoint {
  float threshold = 0;
  std::uint64_t true_positives = 0;
  std::uint64_t false_positives = 0;
};

/// Payments in falling order of score, sorted once: every measure of a ranking is a walk over it.
///
/// Payments of equal score form one group and are flagged together. Weights repeat a payment
/// (bootstrap): weights[i] is of the i-th payment as given, not as sorted.
class Ranking {
 public:
  /// One label per score; scores must not be NaN. Borrows nothing.
  Ranking(std::span<const float> scores, std::span<const std::int8_t> is_fraud);

  std::size_t size() const { return order_.size(); }
  std::uint64_t frauds() const { return frauds_; }

  /// Σ (Rₙ − Rₙ₋₁) Pₙ over the groups, scikit-learn's `average_precision_score`. NaN without fraud.
  double average_precision() const;
  double average_precision(std::span<const std::uint8_t> weights) const;

  /// How each payment, in the order given, moves average precision: its derivative by the payment's
  /// weight. The values sum to 0, so sums over clusters give the linearised bootstrap of average
  /// precision without sorting again (delta method). All 0 without fraud. O(n).
  std::vector<float> average_precision_influence() const;

  /// P(a fraud scores above a genuine payment), ties half. NaN when either kind is missing.
  double roc_auc() const;
  double roc_auc(std::span<const std::uint8_t> weights) const;

  /// The lowest threshold whose false positives are at most `rate` of the genuine payments, so the
  /// one that catches most. Above the highest score when no group fits.
  float threshold_at_false_positive_rate(double rate) const;

  /// The curve at about `points` groups, equally spaced in flagged payments, first and last
  /// included.
  std::vector<CurvePoint> curve(std::size_t points) const;

 private:
  template <typename Weight>
  double average_precision_by(Weight weight) const;
  template <typename Weight>
  double roc_auc_by(Weight weight) const;

  std::vector<std::uint32_t> order_;   // Falling score.
  std::vector<float> scores_;          // In that order.
  std::vector<std::int8_t> is_fraud_;  // In that order.
  std::uint64_t frauds_ = 0;
};

}  // namespace weir

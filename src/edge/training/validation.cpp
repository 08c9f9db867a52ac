#include "edge/training/validation.h"

#include <algorithm>
#include <vector>

#include "core/evaluation/calibration_error.h"
#include "core/evaluation/operating_point.h"
#include "core/model/calibration.h"

namespace weir::training {
namespace {

constexpr std::size_t kFolds = 5;
constexpr std::size_t kBins = 15;
constexpr std::uint64_t kBootstrapSamples = 200;

std::vector<double> cross_fitted_probabilities(std::span<const float> margins,
                                               std::span<const std::int8_t> is_fraud) {
  const Calibration whole = Calibration::fit(margins, is_fraud);
  std::vector<double> probabilities(margins.size());
  for (std::size_t fold = 0; fold < kFolds; ++fold) {
    const std::size_t begin = margins.size() * fold / kFolds;
    const std::size_t end = margins.size() * (fold + 1) / kFolds;
    std::vector<float> other_margins;
    std::vector<std::int8_t> other_labels;
    for (std::size_t row = 0; row < margins.size(); ++row) {
      if (row >= begin && row < end) continue;
      other_margins.push_back(margins[row]);
      other_labels.push_back(is_fraud[row]);
    }
    const auto frauds = std::count(other_labels.begin(), other_labels.end(), 1);
    const bool has_both = frauds > 0 && static_cast<std::size_t>(frauds) < other_labels.size();
    const Calibration others = !has_both ? whole
                               : whole.method() == Calibration::Method::kPlatt
                                   ? Calibration::fit_platt(other_margins, other_labels)
                                   : Calibration::fit_isotonic(other_margins, other_labels);
    for (std::size_t row = begin; row < end; ++row) {
      probabilities[row] = others.probability(margins[row]);
    }
  }
  return probabilities;
}

}  // namespace

Policy choose_policy(const Ranking& ranking, double false_positive_rate, double decline_rate) {
  Policy policy;
  policy.challenge_margin = ranking.threshold_at_false_positive_rate(false_positive_rate);
  policy.decline_margin =
      ranking.threshold_at_false_positive_rate(std::min(decline_rate, false_positive_rate));
  return policy;
}

ValidationMetrics validation_metrics(std::span<const float> margins,
                                     const PaymentView& payments,
                                     const Policy& policy,
                                     std::uint64_t seed) {
  const Ranking ranking(margins, payments.is_fraud);
  ValidationMetrics metrics;
  metrics.average_precision = ranking.average_precision();
  metrics.roc_auc = ranking.roc_auc();
  std::vector<double> precisions;
  std::vector<double> areas;
  for (std::uint64_t sample = 0; sample < kBootstrapSamples; ++sample) {
    const auto weights = bootstrap_weights(payments.customer_id, seed, sample);
    precisions.push_back(ranking.average_precision(weights));
    areas.push_back(ranking.roc_auc(weights));
  }
  metrics.average_precision_interval = percentile_interval(std::move(precisions));
  metrics.roc_auc_interval = percentile_interval(std::move(areas));
  const auto probabilities = cross_fitted_probabilities(margins, payments.is_fraud);
  metrics.brier_score = brier_score(probabilities, payments.is_fraud);
  metrics.calibration_error =
      expected_calibration_error(reliability(probabilities, payments.is_fraud, kBins));
  const OperatingPoint point = operating_point(margins, payments, policy.challenge_margin);
  metrics.false_positive_rate = point.false_positive_rate();
  metrics.false_negative_rate = point.false_negative_rate();
  return metrics;
}

}  // namespace weir::training

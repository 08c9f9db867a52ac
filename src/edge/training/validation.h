#pragma once

#include <cstdint>
#include <span>

#include "core/decision/policy.h"
#include "core/evaluation/bootstrap.h"
#include "core/evaluation/ranking.h"
#include "core/transaction/payment.h"

namespace weir::training {

/// What a model reached on payments that it did not learn from.
struct ValidationMetrics {
  double average_precision = 0;
  Interval average_precision_interval;
  double roc_auc = 0;
  Interval roc_auc_interval;
  double brier_score = 0;        ///< Cross-fitted, see below.
  double calibration_error = 0;  ///< Cross-fitted, over 15 bins of equal size.
  double false_positive_rate = 0;
  double false_negative_rate = 0;
};

/// The lowest thresholds that touch and decline at most these shares of the genuine payments.
Policy choose_policy(const Ranking& ranking, double false_positive_rate, double decline_rate);

/// `margins` of the rows of `payments`, which are labelled and in time order.
///
/// The calibration is judged on payments it was not fitted on: five blocks of neighbouring rows,
/// each by a fit on the other four. Intervals: bootstrap by customer, 200 samples.
ValidationMetrics validation_metrics(std::span<const float> margins,
                                     const PaymentView& payments,
                                     const Policy& policy,
                                     std::uint64_t seed);

}  // namespace weir::training

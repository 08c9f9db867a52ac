#pragma once

#include <string>

#include "cli/train.h"
#include "core/beliefs/rates.h"
#include "core/decision/money_policy.h"

namespace weir::cli {

/// Settings of a bundle with beliefs beside those of TrainOptions.
struct BeliefOptions {
  std::string spec = "card";  ///< Must not look at outcomes.
  Seconds label_delay = 7 * kSecondsPerDay;
  /// One in so many genuine payments is learned from; the calibration undoes it.
  std::int64_t genuine_sample = 0;  ///< 0: as many as keep the table at about three million rows.
  MoneyPolicy policy;
  AnswerRates answers;
  /// Parquet of feedback to estimate the answers' rates from; empty: they are as told.
  std::string feedback;
};

/// Flags of a policy's costs and budgets, and of what becomes of challenges.
void add_policy_options(CLI::App& command, MoneyPolicy& policy, AnswerRates& answers);

/// Trains a bundle with beliefs from the payments of the lake `options.input`.
///
/// The rates of the beliefs are estimated from all labels. The model learns what the payment itself
/// and its customer's habits tell: payments of terminals that the labels show as compromised are
/// left out, since their fraud is the terminal's.
TrainResult run_train_beliefs(const TrainOptions& options,
                              const BeliefOptions& beliefs,
                              Progress& progress);

}  // namespace weir::cli

#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/features/feature_batch.h"
#include "core/features/feature_spec.h"
#include "core/model/bundle.h"
#include "core/transaction/payment.h"
#include "core/transaction/progress.h"
#include "edge/training/booster.h"
#include "edge/training/validation.h"

namespace weir::training {

struct TrainingSettings {
  std::string name = "weir";
  /// Half-open periods; what is left out follows from the table (see split_by_time).
  std::optional<Seconds> train_from;
  std::optional<Seconds> train_to;
  std::optional<Seconds> valid_from;
  std::optional<Seconds> valid_to;
  int rounds = 1'000;                 ///< At most; training stops earlier by itself.
  int early_stopping_rounds = 50;     ///< Rounds without a better average precision.
  BoosterParameters parameters;       ///< Where a search starts, too.
  int search = 0;                     ///< Further sets of parameters to try.
  bool refit = false;                 ///< See `train`.
  double false_positive_rate = 0.03;  ///< Genuine payments that the policy may touch.
  double decline_rate = 0.001;        ///< Genuine payments that it may decline.
  std::uint64_t seed = 1;
  int threads = 1;
};

/// Row ranges and the periods they stand for.
struct TrainingSplit {
  RowRange training;
  RowRange validation;
  BundlePeriod training_period;
  BundlePeriod validation_period;
};

/// Splits rows in batch order by time.
///
/// By default validation is the last fifth of the days (at least one), and training everything
/// before it whose label was known when it began: event_time < valid_from - label_delay. Throws
/// Error when a period is empty or has no fraud, has nothing but fraud, or when a training label
/// would become known only after validation began.
TrainingSplit split_by_time(const PaymentView& payments,
                            Seconds label_delay,
                            const TrainingSettings& settings);

/// The same where the forest was grown elsewhere, from `training`: only the validation period is
/// cut out of the rows. By default it is all of them from training.to + label_delay on; throws
/// UsageError when it begins earlier, since its labels were not known to the training then.
TrainingSplit split_after(const PaymentView& payments,
                          const BundlePeriod& training,
                          Seconds label_delay,
                          const TrainingSettings& settings);

/// One set of parameters and what it reached on the validation period.
struct SearchTrial {
  BoosterParameters parameters;
  int rounds = 0;
  double average_precision = 0;
};

struct TrainingResult {
  Bundle bundle;
  std::vector<SearchTrial> trials;  ///< The first is the given parameters.
  std::size_t chosen = 0;           ///< Index of the trial that went into the bundle.
  ValidationMetrics metrics;        ///< Of the chosen trial.
};

/// Trains a bundle: XGBoost with early stopping on average precision over the validation period,
/// then calibration and thresholds on the same period.
///
/// `search` tries that many seeded sets of parameters around the given one and takes the best on
/// validation. `refit` grows the chosen number of trees again on all rows from train_from to
/// valid_to (calibration, thresholds and metrics stay those of the model before). Payments must be
/// in batch order and labelled. Deterministic for a seed, whatever the number of threads. Throws
/// Error for data that nothing can be learned from, UsageError for settings out of range.
TrainingResult train(const PaymentView& payments,
                     const FeatureMatrix& features,
                     const FeatureSpec& spec,
                     Seconds label_delay,
                     const TrainingSettings& settings,
                     Progress& progress);

/// A forest that XGBoost grew elsewhere, on a cluster for instance, and where it comes from.
struct GrownForest {
  std::string source;  ///< For error texts.
  std::string ubj;     ///< XGBoost's `save_raw("ubj")`, binary:logistic.
  BundlePeriod training;
  std::map<std::string, double> parameters;  ///< XGBoost's words.
  std::string xgboost_version;
};

/// Reads `forest.ubj` and, beside it, `forest.json`: `train_from`, `train_to`, `rows`, `frauds`,
/// `parameters`, `xgboost`. Throws Error naming file and key.
GrownForest read_grown_forest(const std::filesystem::path& ubj);

/// A bundle of such a forest: calibration, thresholds and metrics of a validation period, as
/// `train` gives them. `payments` need to hold that period only. Throws Error when the forest's
/// inputs are not those of the features.
TrainingResult adopt(const GrownForest& grown,
                     const PaymentView& payments,
                     const FeatureMatrix& features,
                     const FeatureSpec& spec,
                     Seconds label_delay,
                     const TrainingSettings& settings);

/// A forest of exactly `rounds` trees over `rows`, as XGBoost's UBJ: no validation, no search.
/// Throws Error when the rows lack frauds or genuine payments.
std::string fit_forest(const PaymentView& payments,
                       const FeatureMatrix& features,
                       RowRange rows,
                       const BoosterParameters& parameters,
                       int rounds,
                       std::uint64_t seed,
                       int threads,
                       Progress& progress);

}  // namespace weir::training

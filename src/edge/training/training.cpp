#include "edge/training/training.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/model/forest.h"
#include "core/model/scorer.h"
#include "core/model/training_reference.h"
#include "core/transaction/error.h"
#include "core/transaction/hash.h"
#include "edge/training/card.h"

namespace weir::training {
namespace {

void check_range(const char* flag, double value, double low, double high) {
  if (value >= low && value <= high) return;
  throw UsageError(fmt::format("--{} is {}, wanted {} to {}", flag, value, low, high));
}

void check_settings(const TrainingSettings& settings) {
  check_range("rounds", settings.rounds, 1, 100'000);
  check_range("early-stopping", settings.early_stopping_rounds, 1, 100'000);
  check_range("search", settings.search, 0, 1'000);
  check_range("depth", settings.parameters.depth, 1, 16);
  check_range("eta", settings.parameters.eta, 1e-4, 1);
  check_range("min-child-weight", settings.parameters.min_child_weight, 0, 1e9);
  check_range("subsample", settings.parameters.subsample, 0.01, 1);
  check_range("colsample", settings.parameters.colsample, 0.01, 1);
  check_range("lambda", settings.parameters.lambda, 0, 1e9);
  check_range("max-bin", settings.parameters.max_bin, 2, 65'536);
  check_range("false-positive-rate", settings.false_positive_rate, 0, 1);
  check_range("decline-rate", settings.decline_rate, 0, settings.false_positive_rate);
}

/// Three digits are enough, and they stay readable in the card.
double rounded(double value) { return std::stod(fmt::format("{:.3g}", value)); }

/// The `index`-th set of a seeded random search; 0 is `start` itself.
BoosterParameters candidate(const BoosterParameters& start, std::uint64_t seed, int index) {
  if (index == 0) return start;
  std::uint64_t draw = 0;
  const auto next = [&] {
    return unit_interval(hash64(seed, static_cast<std::uint64_t>(index), ++draw));
  };
  const auto between = [&](double low, double high) { return low + (high - low) * next(); };
  const auto log_between = [&](double low, double high) {
    return rounded(low * std::pow(high / low, next()));
  };
  BoosterParameters chosen = start;
  chosen.depth = static_cast<int>(between(3, 9));
  chosen.eta = log_between(0.03, 0.3);
  chosen.min_child_weight = log_between(1, 64);
  chosen.subsample = rounded(between(0.6, 1));
  chosen.colsample = rounded(between(0.5, 1));
  chosen.lambda = log_between(0.5, 16);
  return chosen;
}

struct Fit {
  SearchTrial trial;
  std::string ubj;
  std::vector<float> margins;  // Of the validation rows, at the best round.
};

double share(const BundlePeriod& period) {
  return static_cast<double>(period.frauds) / static_cast<double>(period.rows);
}

/// What all trials share.
struct Material {
  const BinnedRows& training;
  const BinnedRows& validation;
  std::span<const std::int8_t> validation_labels;
  double fraud_share;
};

Fit fit_with_early_stopping(const Material& material,
                            const BoosterParameters& parameters,
                            const TrainingSettings& settings,
                            Progress& progress,
                            std::uint64_t& rounds_done) {
  Booster booster(material.training, &material.validation, parameters, material.fraud_share,
                  settings.seed, settings.threads);
  Fit best;
  best.trial.parameters = parameters;
  best.trial.average_precision = -1;
  while (booster.rounds() < settings.rounds &&
         booster.rounds() - best.trial.rounds < settings.early_stopping_rounds) {
    booster.grow();
    const auto margins = booster.validation_margins();
    const double reached = Ranking(margins, material.validation_labels).average_precision();
    if (reached > best.trial.average_precision) {
      best.trial.average_precision = reached;
      best.trial.rounds = booster.rounds();
      best.margins.assign(margins.begin(), margins.end());
    }
    progress.update(++rounds_done);
  }
  best.ubj = booster.to_ubj(best.trial.rounds);
  return best;
}

std::map<std::string, double> parameter_map(const SearchTrial& trial,
                                            const TrainingSettings& settings) {
  const BoosterParameters& chosen = trial.parameters;
  return {{"rounds", trial.rounds},
          {"max_depth", chosen.depth},
          {"eta", chosen.eta},
          {"min_child_weight", chosen.min_child_weight},
          {"subsample", chosen.subsample},
          {"colsample_bytree", chosen.colsample},
          {"lambda", chosen.lambda},
          {"max_bin", chosen.max_bin},
          {"early_stopping_rounds", settings.early_stopping_rounds},
          {"search", settings.search},
          {"refit", settings.refit ? 1 : 0}};
}

/// What the validation period says of a forest.
struct Judged {
  Calibration calibration;
  Policy policy;
  ValidationMetrics metrics;
  std::string reference_json;
};

Judged judge(std::span<const float> margins,
             const PaymentView& payments,
             const FeatureMatrix& features,
             const FeatureSpec& spec,
             RowRange validation,
             const TrainingSettings& settings) {
  const auto labels = payments.is_fraud.subspan(validation.begin, validation.size());
  Policy policy =
      choose_policy(Ranking(margins, labels), settings.false_positive_rate, settings.decline_rate);
  const ValidationMetrics metrics = validation_metrics(
      margins, payments.slice(validation.begin, validation.end), policy, settings.seed);
  policy.expected_false_positive_rate = metrics.false_positive_rate;
  return {Calibration::fit(margins, labels), policy, metrics,
          make_reference(spec, features, validation.begin, validation.end, margins).to_json()};
}

BundleManifest manifest_of(const FeatureSpec& spec,
                           Seconds label_delay,
                           const BundlePeriod& validation,
                           const TrainingSettings& settings) {
  BundleManifest manifest;
  manifest.name = settings.name;
  manifest.feature_fingerprint = spec.fingerprint();
  manifest.label_delay = label_delay;
  manifest.validation = validation;
  manifest.labels_known_at = validation.to + label_delay;
  manifest.seed = settings.seed;
  return manifest;
}

TrainingResult assemble(BundleManifest manifest,
                        const FeatureSpec& spec,
                        std::string ubj,
                        Judged judged,
                        std::vector<SearchTrial> trials,
                        std::size_t chosen,
                        const TrainingSettings& settings) {
  TrainingResult result{{std::move(manifest), spec, std::move(ubj), std::move(judged.calibration),
                         judged.policy.to_toml(), "", ""},
                        std::move(trials),
                        chosen,
                        judged.metrics};
  result.bundle.metrics_json = metrics_json(result);
  result.bundle.reference_json = std::move(judged.reference_json);
  result.bundle.card = model_card(result, settings);
  return result;
}

}  // namespace

TrainingResult train(const PaymentView& payments,
                     const FeatureMatrix& features,
                     const FeatureSpec& spec,
                     Seconds label_delay,
                     const TrainingSettings& settings,
                     Progress& progress) {
  check_settings(settings);
  WEIR_CHECK(features.rows() == payments.size() && features.columns() == spec.size());
  const TrainingSplit split = split_by_time(payments, label_delay, settings);
  const auto labels = payments.is_fraud.subspan(split.validation.begin, split.validation.size());

  std::vector<SearchTrial> trials;
  std::size_t chosen = 0;
  Fit best;
  {
    const int max_bin = settings.parameters.max_bin;
    const BinnedRows training(features, payments.is_fraud, split.training, max_bin,
                              settings.threads);
    const BinnedRows validation(features, payments.is_fraud, split.validation, max_bin,
                                settings.threads, &training);
    const Material material{training, validation, labels, share(split.training_period)};
    // How many rounds it will take nobody knows.
    progress.begin("training", 0, "rounds");
    std::uint64_t rounds_done = 0;
    for (int index = 0; index <= settings.search; ++index) {
      Fit fit =
          fit_with_early_stopping(material, candidate(settings.parameters, settings.seed, index),
                                  settings, progress, rounds_done);
      trials.push_back(fit.trial);
      if (index == 0 || fit.trial.average_precision > best.trial.average_precision) {
        best = std::move(fit);
        chosen = static_cast<std::size_t>(index);
      }
    }
    progress.end();
  }
  BundlePeriod learned = split.training_period;
  if (settings.refit) {
    const RowRange rows{split.training.begin, split.validation.end};
    learned.to = split.validation_period.to;
    learned.rows = rows.size();
    const auto all = payments.is_fraud.subspan(rows.begin, rows.size());
    learned.frauds = static_cast<std::uint64_t>(std::count(all.begin(), all.end(), 1));
    best.ubj = fit_forest(payments, features, rows, best.trial.parameters, best.trial.rounds,
                          settings.seed, settings.threads, progress);
  }

  Judged judged = judge(best.margins, payments, features, spec, split.validation, settings);
  BundleManifest manifest = manifest_of(spec, label_delay, split.validation_period, settings);
  manifest.training = learned;
  manifest.parameters = parameter_map(best.trial, settings);
  manifest.libraries = {{"xgboost", xgboost_version()}};
  return assemble(std::move(manifest), spec, std::move(best.ubj), std::move(judged),
                  std::move(trials), chosen, settings);
}

TrainingResult adopt(const GrownForest& grown,
                     const PaymentView& payments,
                     const FeatureMatrix& features,
                     const FeatureSpec& spec,
                     Seconds label_delay,
                     const TrainingSettings& settings) {
  check_settings(settings);
  WEIR_CHECK(features.rows() == payments.size() && features.columns() == spec.size());
  const TrainingSplit split = split_after(payments, grown.training, label_delay, settings);
  const Forest forest = Forest::parse_ubj(grown.ubj, grown.source);
  if (forest.feature_count() != spec.size() ||
      (!forest.feature_names().empty() && forest.feature_names() != spec.names())) {
    throw Error(fmt::format(
        "forest \"{}\": has {} inputs, and not those of the table in their order ({} of spec "
        "\"{}\"); grow it on the columns of the same feature table",
        grown.source, forest.feature_count(), spec.size(), spec.name()));
  }
  const Scorer scorer(forest);
  std::vector<float> row(spec.size());
  SearchTrial trial;
  std::vector<float> margins;
  margins.reserve(split.validation.size());
  for (std::size_t at = split.validation.begin; at < split.validation.end; ++at) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      row[column] = features.column(column)[at];
    }
    margins.push_back(scorer.margin(row.data()));
  }
  Judged judged = judge(margins, payments, features, spec, split.validation, settings);
  trial.rounds = static_cast<int>(forest.tree_count());
  trial.average_precision = judged.metrics.average_precision;
  BundleManifest manifest = manifest_of(spec, label_delay, split.validation_period, settings);
  manifest.training = grown.training;
  manifest.parameters = grown.parameters;
  manifest.parameters["rounds"] = trial.rounds;
  manifest.libraries = {{"xgboost", grown.xgboost_version}};
  return assemble(std::move(manifest), spec, grown.ubj, std::move(judged), {trial}, 0, settings);
}

std::string fit_forest(const PaymentView& payments,
                       const FeatureMatrix& features,
                       RowRange rows,
                       const BoosterParameters& parameters,
                       int rounds,
                       std::uint64_t seed,
                       int threads,
                       Progress& progress) {
  const auto labels = payments.is_fraud.subspan(rows.begin, rows.size());
  const auto frauds = std::count(labels.begin(), labels.end(), 1);
  if (frauds == 0 || static_cast<std::size_t>(frauds) == rows.size()) {
    throw Error(fmt::format(
        "cannot train on {} payments of which {} are fraud; choose a period that has both",
        rows.size(), frauds));
  }
  const BinnedRows binned(features, payments.is_fraud, rows, parameters.max_bin, threads);
  Booster booster(binned, nullptr, parameters,
                  static_cast<double>(frauds) / static_cast<double>(rows.size()), seed, threads);
  progress.begin("fitting", static_cast<std::uint64_t>(rounds), "rounds");
  while (booster.rounds() < rounds) {
    booster.grow();
    progress.update(static_cast<std::uint64_t>(booster.rounds()));
  }
  progress.end();
  return booster.to_ubj(rounds);
}

}  // namespace weir::training

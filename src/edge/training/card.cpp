#include "edge/training/card.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/decision/policy.h"
#include "core/model/forest.h"
#include "core/transaction/calendar.h"

namespace weir::training {
namespace {

using nlohmann::ordered_json;

std::string period_row(const char* name, const BundlePeriod& period) {
  return fmt::format("| {} | {} | {} | {} | {} | {:.3f} % |\n", name, format_datetime(period.from),
                     format_datetime(period.to), period.rows, period.frauds,
                     100.0 * static_cast<double>(period.frauds) / static_cast<double>(period.rows));
}

ordered_json interval_json(const Interval& interval) {
  return ordered_json::array({interval.low, interval.high});
}

}  // namespace

std::string metrics_json(const TrainingResult& result) {
  const SearchTrial& trial = result.trials[result.chosen];
  const BundlePeriod& period = result.bundle.manifest.validation;
  const ValidationMetrics& metrics = result.metrics;
  ordered_json json = {
      {"period", "validation"},
      {"rows", period.rows},
      {"frauds", period.frauds},
      {"average_precision", metrics.average_precision},
      {"average_precision_interval", interval_json(metrics.average_precision_interval)},
      {"roc_auc", metrics.roc_auc},
      {"roc_auc_interval", interval_json(metrics.roc_auc_interval)},
      {"brier_score", metrics.brier_score},
      {"calibration_error", metrics.calibration_error},
      {"false_positive_rate", metrics.false_positive_rate},
      {"false_negative_rate", metrics.false_negative_rate},
      {"rounds", trial.rounds},
  };
  return json.dump(1) + "\n";
}

std::string model_card(const TrainingResult& result, const TrainingSettings& settings) {
  const BundleManifest& manifest = result.bundle.manifest;
  const FeatureSpec& features = result.bundle.features;
  const SearchTrial& trial = result.trials[result.chosen];
  const Policy policy = Policy::parse(result.bundle.policy_toml, "policy.toml");
  const ValidationMetrics& metrics = result.metrics;
  std::string card = fmt::format(
      "# Model card: {}\n\n"
      "## Purpose\n\n"
      "Gives each card payment, before it is executed, the probability that it is fraud, so that "
      "it can be approved, challenged or declined. Not meant for judging people (credit, "
      "employment), for other kinds of payment, or for use without its feature definitions "
      "(`features.toml`, fingerprint `{}`).\n\n"
      "## Data\n\n"
      "Labelled payments with the features as they stood at the time of each payment. A label is "
      "taken to be known {} after its payment: features saw no label earlier, and training ended "
      "{} before validation began.\n\n"
      "| period | from | to (excluded) | payments | frauds | share |\n"
      "|---|---|---|---:|---:|---:|\n",
      manifest.name, features.fingerprint(), format_duration(manifest.label_delay),
      format_duration(manifest.label_delay));
  card += period_row("training", manifest.training);
  card += period_row("validation", manifest.validation);
  card += fmt::format(
      "\nEvery label used was known at {} UTC: a test before that time would be a leak.\n\n"
      "## Model\n\n"
      "Gradient boosted trees (XGBoost {}, hist, binary:logistic), seed {}. {} trees, the number "
      "with the best average precision on validation",
      format_datetime(manifest.labels_known_at), manifest.libraries.at("xgboost"), manifest.seed,
      trial.rounds);
  if (settings.search > 0) {
    card += fmt::format(", best of {} sets of parameters", result.trials.size());
  }
  card += settings.refit ? ". After that the forest was grown again on both periods; the figures "
                           "below, the calibration and the thresholds are of the one before.\n\n"
                         : ".\n\n";
  card += "| parameter | value |\n|---|---:|\n";
  for (const auto& [name, value] : manifest.parameters) {
    card += fmt::format("| {} | {} |\n", name, value);
  }
  card += fmt::format(
      "\n## Results on validation\n\n"
      "| metric | value | 95 % interval |\n|---|---:|---|\n"
      "| average precision | {:.4f} | {:.4f} to {:.4f} |\n"
      "| ROC AUC | {:.4f} | {:.4f} to {:.4f} |\n"
      "| Brier score (cross-fitted) | {:.6f} | |\n"
      "| expected calibration error (cross-fitted, 15 bins) | {:.6f} | |\n"
      "| genuine payments touched at the thresholds (FPR) | {:.4f} | |\n"
      "| frauds that go through at the thresholds (FNR) | {:.4f} | |\n\n"
      "Intervals: bootstrap by customer, 200 samples. "
      "Validation also stopped the training, chose the parameters, fitted the calibration and set "
      "the thresholds, so these figures are somewhat too good. `weir evaluate` on a later period "
      "gives honest ones, with intervals.\n\n"
      "## Thresholds\n\n"
      "Challenge from margin {}, decline from margin {}: the lowest that touch at most {:g} % and "
      "decline at most {:g} % of the genuine payments of the validation period.\n\n"
      "## Calibration\n\n{}, on the margins of the validation period.\n\n"
      "## Features\n\n"
      "`{}`, {} columns. Gain: the share of the forest's total gain that splits on the column "
      "brought.\n\n| feature | gain |\n|---|---:|\n",
      metrics.average_precision, metrics.average_precision_interval.low,
      metrics.average_precision_interval.high, metrics.roc_auc, metrics.roc_auc_interval.low,
      metrics.roc_auc_interval.high, metrics.brier_score, metrics.calibration_error,
      metrics.false_positive_rate, metrics.false_negative_rate, policy.challenge_margin,
      policy.decline_margin, 100 * settings.false_positive_rate, 100 * settings.decline_rate,
      result.bundle.calibration.method() == Calibration::Method::kIsotonic
          ? "Centered isotonic regression"
          : "Platt's logistic curve (few frauds)",
      features.name(), features.size());
  std::vector<double> gain = Forest::parse_ubj(result.bundle.forest_ubj, "forest.ubj").total_gain();
  const double whole = std::accumulate(gain.begin(), gain.end(), 0.0);
  std::vector<std::size_t> order(features.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t left, std::size_t right) { return gain[left] > gain[right]; });
  for (const std::size_t column : order) {
    card += fmt::format("| {} | {:.4f} |\n", features.names()[column],
                        whole > 0 ? gain[column] / whole : 0.0);
  }
  card +=
      "\n## Limits\n\n"
      "- A payment of a terminal or a card whose compromise nobody has reported yet looks genuine; "
      "no model of these features can tell it before the first label.\n"
      "- The data must come from the same kind of customers, terminals and fraud. Watch the drift "
      "of the features and the calibration; retrain when they move.\n"
      "- A declined payment never gets a label. A model retrained on what an earlier model let "
      "through sees less fraud than there is.\n";
  return card;
}

}  // namespace weir::training

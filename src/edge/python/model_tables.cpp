#include "edge/python/model_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/evaluation/bootstrap.h"
#include "core/evaluation/calibration_error.h"
#include "core/evaluation/card_precision.h"
#include "core/evaluation/operating_point.h"
#include "core/evaluation/ranking.h"
#include "core/features/feature_batch.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "edge/python/parallel.h"

namespace weir::python {
namespace {

constexpr std::size_t kChunkRows = 1 << 16;
constexpr std::size_t kBlockRows = 256;

/// The payment columns of a table, borrowed where possible.
struct Payments {
  Column<std::int64_t> transaction_id;
  Column<Seconds> event_time;
  Column<std::int64_t> customer_id;
  Column<std::int64_t> terminal_id;
  Column<std::int64_t> amount_minor;
  std::optional<Column<std::int8_t>> is_fraud;
  std::optional<Column<std::int8_t>> fraud_scenario;

  explicit Payments(const ArrowTable& table)
      : transaction_id(table.integers("transaction_id")),
        event_time(table.times("event_time")),
        customer_id(table.integers("customer_id")),
        terminal_id(table.integers("terminal_id")),
        amount_minor(table.integers("amount_minor")) {
    if (table.has_column("is_fraud")) is_fraud = table.small_integers("is_fraud");
    if (table.has_column("fraud_scenario")) {
      fraud_scenario = table.small_integers("fraud_scenario");
    }
  }

  PaymentView view() const {
    PaymentView result{transaction_id.values(),
                       event_time.values(),
                       customer_id.values(),
                       terminal_id.values(),
                       amount_minor.values(),
                       {},
                       {}};
    if (is_fraud) result.is_fraud = is_fraud->values();
    if (fraud_scenario) result.fraud_scenario = fraud_scenario->values();
    return result;
  }
};

template <typename Value>
std::vector<Value> copy(std::span<const Value> values) {
  return {values.begin(), values.end()};
}

void score_chunk(const Scorer& scorer,
                 const std::vector<Column<float>>& columns,
                 std::size_t begin,
                 std::size_t end,
                 std::vector<float>& margins) {
  std::vector<float> rows(kBlockRows * columns.size());
  for (std::size_t row = begin; row < end; row += kBlockRows) {
    const std::size_t count = std::min(kBlockRows, end - row);
    for (std::size_t column = 0; column < columns.size(); ++column) {
      const float* values = columns[column].values().data() + row;
      for (std::size_t i = 0; i < count; ++i) rows[i * columns.size() + column] = values[i];
    }
    scorer.margins(rows.data(), count, margins.data() + row);
  }
}

}  // namespace

std::shared_ptr<const TableOutput> feature_table(const ArrowTable& table,
                                                 const FeatureSpec& spec,
                                                 Seconds label_delay,
                                                 int threads) {
  const Payments payments(table);
  const PaymentView view = payments.view();
  FeatureBatch batch(view, spec, label_delay);
  auto matrix = std::make_shared<FeatureMatrix>(view.size(), spec.size());
  std::vector<float*> columns;
  for (std::size_t i = 0; i < spec.size(); ++i) columns.push_back(matrix->column(i).data());
  for_each_index(batch.part_count(), threads,
                 [&](std::size_t part) { batch.compute(part, 0, view.size(), columns); });
  auto result = std::make_shared<TableOutput>(view.size());
  result->add("transaction_id", copy(view.transaction_id));
  result->add_times("event_time", view.event_time);
  result->add("customer_id", copy(view.customer_id));
  result->add("terminal_id", copy(view.terminal_id));
  result->add("amount_minor", copy(view.amount_minor));
  if (payments.is_fraud) result->add_flags("is_fraud", copy(view.is_fraud));
  if (payments.fraud_scenario) result->add("fraud_scenario", copy(view.fraud_scenario));
  for (std::size_t i = 0; i < spec.size(); ++i) {
    result->add(spec.names()[i], matrix, matrix->column(i).data());
  }
  result->set_metadata({{"weir.spec", spec.to_toml()},
                        {"weir.fingerprint", spec.fingerprint()},
                        {"weir.label_delay_seconds", fmt::format("{}", label_delay)}});
  return result;
}

Model::Model(const BundleFiles& files, const std::string& source)
    : source_(source),
      bundle_(parse_bundle(files, source)),
      scorer_(Forest::parse_ubj(bundle_.forest_ubj, source + "/forest.ubj")) {
  // With beliefs the action depends on the log before a payment: weir serve and weir replay decide.
  if (bundle_.beliefs_toml.empty()) {
    policy_ = Policy::parse(bundle_.policy_toml, source + "/policy.toml");
  }
  if (scorer_.feature_count() != bundle_.features.size()) {
    throw Error(
        fmt::format("bundle \"{}\": forest.ubj has {} inputs, features.toml {} columns; retrain it",
                    source, scorer_.feature_count(), bundle_.features.size()));
  }
}

std::shared_ptr<const TableOutput> Model::score(const ArrowTable& features, int threads) const {
  const auto fingerprint = features.metadata("weir.fingerprint");
  if (fingerprint && *fingerprint != bundle_.features.fingerprint()) {
    const auto spec = features.metadata("weir.spec");
    check_features(bundle_, source_, FeatureSpec::parse(spec.value_or(""), "features"), "features");
  }
  std::vector<Column<float>> columns;
  for (const std::string& name : bundle_.features.names()) columns.push_back(features.floats(name));
  std::vector<float> margins(features.rows());
  std::vector<double> probabilities(features.rows());
  std::vector<std::string> actions(features.rows());
  for_each_index((margins.size() + kChunkRows - 1) / kChunkRows, threads, [&](std::size_t chunk) {
    const std::size_t begin = chunk * kChunkRows;
    const std::size_t end = std::min(margins.size(), begin + kChunkRows);
    score_chunk(scorer_, columns, begin, end, margins);
    for (std::size_t row = begin; row < end; ++row) {
      probabilities[row] = bundle_.calibration.probability(margins[row]);
      if (policy_) actions[row] = action_name(policy_->decide(margins[row]));
    }
  });
  auto result = std::make_shared<TableOutput>(features.rows());
  if (features.has_column("transaction_id")) {
    result->add("transaction_id", copy(features.integers("transaction_id").values()));
  }
  result->add("margin", std::move(margins));
  result->add("probability", std::move(probabilities));
  if (policy_) result->add("action", actions);
  result->set_metadata({{"weir.model_version", bundle_.manifest.version}});
  return result;
}

std::string evaluate_table(const ArrowTable& payments_table,
                           const ArrowTable& scores,
                           const EvaluateSettings& settings) {
  using Json = nlohmann::ordered_json;
  constexpr std::size_t kReliabilityBins = 15;
  if (!(settings.false_positive_rate > 0 && settings.false_positive_rate < 1)) {
    throw UsageError(
        fmt::format("false_positive_rate is {}, wanted a share between 0 and 1, e.g. 0.05",
                    settings.false_positive_rate));
  }
  const Payments payments(payments_table);
  const PaymentView view = payments.view();
  if (!payments.is_fraud) {
    throw Error("payments have no labels; evaluation needs the column is_fraud");
  }
  if (scores.rows() != view.size()) {
    throw Error(fmt::format("{} scores for {} payments; score the same rows in the same order",
                            scores.rows(), view.size()));
  }
  const Column<float> margin_column = scores.floats("margin");
  const auto margins = margin_column.values();
  if (const auto bad = std::find_if(margins.begin(), margins.end(),
                                    [](float margin) { return std::isnan(margin); });
      bad != margins.end()) {
    throw Error(
        fmt::format("scores: margin of row {} is nan, wanted a number", bad - margins.begin()));
  }
  const Ranking ranking(margins, view.is_fraud);
  if (ranking.frauds() == 0 || ranking.frauds() == view.size()) {
    throw Error(fmt::format("{} of the {} payments are fraud; wanted both kinds", ranking.frauds(),
                            view.size()));
  }
  const float threshold = ranking.threshold_at_false_positive_rate(settings.false_positive_rate);
  std::vector<double> precisions(static_cast<std::size_t>(std::max(0, settings.bootstrap)));
  std::vector<double> areas(precisions.size());
  for_each_index(precisions.size(), settings.threads, [&](std::size_t sample) {
    const auto weights = bootstrap_weights(view.customer_id, settings.seed, sample);
    precisions[sample] = ranking.average_precision(weights);
    areas[sample] = ranking.roc_auc(weights);
  });
  const auto measure = [](double value, std::vector<double> samples) {
    Json json = {{"value", value}};
    if (samples.empty()) return json;
    const Interval interval = percentile_interval(std::move(samples));
    json["interval"] = Json::array({interval.low, interval.high});
    return json;
  };
  const auto [first, last] = std::minmax_element(view.event_time.begin(), view.event_time.end());
  const OperatingPoint point = operating_point(margins, view, threshold);
  Json json = {{"payments", view.size()},
               {"frauds", ranking.frauds()},
               {"exposure_minor", point.exposure_minor},
               {"average_precision", measure(ranking.average_precision(), precisions)},
               {"roc_auc", measure(ranking.roc_auc(), areas)},
               {fmt::format("card_precision_{}", settings.cards),
                card_precision(margins, view, settings.cards)}};
  if (scores.has_column("probability")) {
    const Column<double> probabilities = scores.doubles("probability");
    json["calibration_error"] = expected_calibration_error(
        reliability(probabilities.values(), view.is_fraud, kReliabilityBins));
    json["brier_score"] = brier_score(probabilities.values(), view.is_fraud);
  }
  json["point"] = {
      {"margin", threshold},
      {"false_positive_rate", point.false_positive_rate()},
      {"false_negative_rate", point.false_negative_rate()},
      {"false_positives_of_all", point.false_positives_of_all()},
      {"false_negatives_of_all", point.false_negatives_of_all()},
      {"precision", point.precision()},
      {"damage_roubles_per_30_days",
       point.damage_roubles_per_month(day_start(*last) + kSecondsPerDay - day_start(*first))}};
  if (payments.fraud_scenario) {
    for (const auto& [scenario, caught] : operating_points_by_scenario(margins, view, threshold)) {
      json["recall_by_scenario"][fmt::format("{}", scenario)] = 1 - caught.false_negative_rate();
    }
  }
  return json.dump();
}

}  // namespace weir::python

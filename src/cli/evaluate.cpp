#include "cli/evaluate.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>

#include "cli/handbook_protocol.h"
#include "cli/scoring.h"
#include "core/decision/policy.h"
#include "core/evaluation/card_precision.h"
#include "core/evaluation/floor.h"
#include "core/model/forest.h"
#include "core/model/scorer.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/money.h"
#include "edge/files/lake.h"
#include "edge/files/staged.h"
#include "edge/files/workers.h"
#include "edge/registry/bundle_folder.h"

namespace weir::cli {
namespace {

constexpr std::size_t kCurvePoints = 400;
constexpr std::size_t kReliabilityBins = 15;
constexpr std::size_t kHistogramSample = 20'000;
/// A measure may pass its bound by this much through sampling alone.
constexpr double kLeakTolerance = 0.01;

/// What one bootstrap sample gives.
struct Replicate {
  double average_precision = 0;
  double roc_auc = 0;
  std::vector<double> false_negative_rate;  // By judged point.
  std::vector<double> damage_roubles;
};

Interval interval_of(const std::vector<Replicate>& replicates, const auto& get) {
  std::vector<double> values;
  for (const Replicate& replicate : replicates) values.push_back(get(replicate));
  return percentile_interval(std::move(values));
}

void bootstrap(EvaluateResult& result,
               const EvaluateOptions& options,
               const Ranking& ranking,
               std::span<const float> margins,
               const PaymentView& period,
               Progress& progress) {
  std::vector<Replicate> replicates(static_cast<std::size_t>(options.bootstrap));
  progress.begin("bootstrap", replicates.size(), "samples");
  files::WorkerState state;
  files::for_each_index(
      replicates.size(), options.threads, progress, state, [&](std::size_t number) {
        const auto weights = bootstrap_weights(period.customer_id, options.seed, number);
        Replicate& replicate = replicates[number];
        replicate.average_precision = ranking.average_precision(weights);
        replicate.roc_auc = ranking.roc_auc(weights);
        for (const JudgedPoint& judged : result.points) {
          const OperatingPoint point = operating_point(margins, period, judged.threshold, weights);
          replicate.false_negative_rate.push_back(point.false_negative_rate());
          replicate.damage_roubles.push_back(
              point.damage_roubles_per_month(result.to - result.from));
        }
        ++state.done;
      });
  progress.update(state.done);
  progress.end();
  result.average_precision.interval =
      interval_of(replicates, [](const Replicate& r) { return r.average_precision; });
  result.roc_auc.interval = interval_of(replicates, [](const Replicate& r) { return r.roc_auc; });
  for (std::size_t i = 0; i < result.points.size(); ++i) {
    result.points[i].false_negative_rate =
        interval_of(replicates, [i](const Replicate& r) { return r.false_negative_rate[i]; });
    result.points[i].damage_roubles =
        interval_of(replicates, [i](const Replicate& r) { return r.damage_roubles[i]; });
  }
}

/// Roubles per 30 days that go through at each threshold of the curve, which falls.
std::vector<double> damage_along(const std::vector<CurvePoint>& curve,
                                 std::span<const float> margins,
                                 const PaymentView& period,
                                 Seconds period_seconds) {
  std::vector<std::pair<float, std::int64_t>> frauds;
  OperatingPoint through;
  for (std::size_t row = 0; row < margins.size(); ++row) {
    if (period.is_fraud[row] == 0) continue;
    frauds.emplace_back(margins[row], period.amount_minor[row]);
    through.damage_minor += period.amount_minor[row];
  }
  std::sort(frauds.begin(), frauds.end(), std::greater<>());
  std::vector<double> damage;
  std::size_t next = 0;
  for (const CurvePoint& point : curve) {
    while (next < frauds.size() && frauds[next].first >= point.threshold) {
      through.damage_minor -= frauds[next++].second;
    }
    damage.push_back(through.damage_roubles_per_month(period_seconds));
  }
  return damage;
}

void judge_against_floor(EvaluateResult& result,
                         const EvaluateOptions& options,
                         const PaymentView& history,
                         std::size_t first) {
  if (history.fraud_scenario.empty()) return;
  result.has_floor = true;
  result.floor_is_estimated = options.truth.empty();
  const auto windows = result.floor_is_estimated
                           ? windows_from_labels(history)
                           : parse_truth(files::read_text(options.truth), options.truth);
  const PaymentView period = history.slice(first, history.size());
  const Floor floor = compute_floor(history, first, windows, result.label_delay);
  const Ceiling ceiling = compute_ceiling(floor, options.false_positive_rate);
  result.floor_share = floor.share();
  result.floor_at_rate = floor.false_negative_rate_at(options.false_positive_rate);
  result.ceiling_average_precision = ceiling.average_precision;
  result.ceiling_roc_auc = ceiling.roc_auc;
  result.bound_average_precision = ceiling.average_precision_bound;
  result.bound_roc_auc = ceiling.roc_auc_bound;
  result.bound_false_negative_rate = ceiling.false_negative_rate_bound;
  result.ceiling_card_precision =
      card_precision(perfect_scores(floor, period), period, options.cards);
  const auto check_bound = [&](const char* name, const Measure& measure, double bound) {
    if (measure.value <= bound + kLeakTolerance || measure.interval.low <= bound) return;
    result.leaks.push_back(
        fmt::format("{} {:.4f} is above the bound {:.4f}", name, measure.value, bound));
  };
  check_bound("average precision", result.average_precision, ceiling.average_precision_bound);
  check_bound("ROC AUC", result.roc_auc, ceiling.roc_auc_bound);
  const JudgedPoint& at_rate = result.points.back();
  if (at_rate.point.false_negative_rate() < ceiling.false_negative_rate_bound - kLeakTolerance &&
      at_rate.false_negative_rate.high < ceiling.false_negative_rate_bound) {
    result.leaks.push_back(fmt::format("FNR {:.2f} % at FPR {:.1f} % is below the bound {:.2f} %",
                                       100 * at_rate.point.false_negative_rate(),
                                       100 * options.false_positive_rate,
                                       100 * ceiling.false_negative_rate_bound));
  }
}

void thin_margins(EvaluateResult& result,
                  std::span<const float> margins,
                  const PaymentView& period) {
  const std::size_t step = std::max<std::size_t>(1, margins.size() / kHistogramSample);
  for (std::size_t row = 0; row < margins.size(); ++row) {
    if (period.is_fraud[row] != 0) {
      result.fraud_margins.push_back(margins[row]);
    } else if (row % step == 0) {
      result.genuine_margins.push_back(margins[row]);
    }
  }
}

void check(const EvaluateOptions& options) {
  if (!(options.false_positive_rate > 0 && options.false_positive_rate < 1)) {
    throw UsageError(fmt::format("--fpr is {}, wanted a share between 0 and 1, e.g. 0.05",
                                 options.false_positive_rate));
  }
  if (options.bootstrap < 1) {
    throw UsageError(fmt::format("--bootstrap is {}, wanted at least 1 sample", options.bootstrap));
  }
}

}  // namespace

EvaluateResult run_evaluate(const EvaluateOptions& options, Progress& progress) {
  check(options);
  const Bundle bundle = registry::load_bundle(options.bundle);
  const Forest forest = Forest::parse_ubj(bundle.forest_ubj, options.bundle + "/forest.ubj");
  if (!bundle.beliefs_toml.empty()) {
    throw Error(fmt::format(
        "bundle \"{}\": has beliefs, so what it decides depends on who answers; weir replay {} {} "
        "measures it, with the loop closed and open",
        options.bundle, options.bundle, options.lake));
  }
  const Policy policy = Policy::parse(bundle.policy_toml, options.bundle + "/policy.toml");
  // The whole history: the windows and the episodes of the floor reach back.
  const PaymentColumns columns =
      files::read_lake(options.lake, std::nullopt, options.to, options.threads, progress);
  const PaymentView history = columns.view();
  if (!history.has_labels()) {
    throw Error(fmt::format("lake \"{}\" has no labels; evaluation needs is_fraud", options.lake));
  }
  EvaluateResult result;
  result.model = fmt::format("{} {}", bundle.manifest.name, bundle.manifest.version);
  result.label_delay = options.label_delay.value_or(bundle.manifest.label_delay);
  result.from = options.from.value_or(bundle.manifest.labels_known_at);
  result.to = options.to.value_or(day_start(history.event_time.back()) + kSecondsPerDay);
  const auto first = static_cast<std::size_t>(
      std::lower_bound(history.event_time.begin(), history.event_time.end(), result.from) -
      history.event_time.begin());
  if (first == history.size()) {
    throw Error(
        fmt::format("lake \"{}\" ends on {}, before {}, when the last label that trained \"{}\" "
                    "was known; take a "
                    "longer lake, train on an earlier period, or give --from",
                    options.lake, format_date(history.event_time.back()), format_date(result.from),
                    options.bundle));
  }
  const PaymentView period = history.slice(first, history.size());
  const FeatureMatrix features = features_of_period(history, first, bundle.features,
                                                    result.label_delay, options.threads, progress);
  const Scorer scorer(forest);
  const std::vector<float> margins =
      score_rows(scorer, features, 0, features.rows(), options.threads, progress);
  std::vector<double> probabilities;
  for (const float margin : margins)
    probabilities.push_back(bundle.calibration.probability(margin));

  const Ranking ranking(margins, period.is_fraud);
  result.payments = period.size();
  result.frauds = ranking.frauds();
  if (result.frauds == 0 || result.frauds == result.payments) {
    throw Error(
        fmt::format("lake \"{}\": {} of the {} payments from {} to {} are fraud; wanted both kinds",
                    options.lake, result.frauds, result.payments, format_date(result.from),
                    format_date(result.to)));
  }
  result.average_precision.value = ranking.average_precision();
  result.roc_auc.value = ranking.roc_auc();
  result.card_precision = card_precision(margins, period, options.cards);
  result.reliability = reliability(probabilities, period.is_fraud, kReliabilityBins);
  result.calibration_error = expected_calibration_error(result.reliability);
  result.brier_score = brier_score(probabilities, period.is_fraud);
  const auto add_point = [&](std::string name, float threshold) {
    result.points.push_back(
        {std::move(name), threshold, operating_point(margins, period, threshold), {}, {}});
  };
  add_point("policy: challenge or decline", policy.challenge_margin);
  add_point("policy: decline", policy.decline_margin);
  add_point(fmt::format("at FPR {:g} %", 100 * options.false_positive_rate),
            ranking.threshold_at_false_positive_rate(options.false_positive_rate));
  result.exposure_minor = result.points.back().point.exposure_minor;
  bootstrap(result, options, ranking, margins, period, progress);
  judge_against_floor(result, options, history, first);
  result.by_day = operating_points_by_day(margins, period, result.points.back().threshold);
  if (!period.fraud_scenario.empty()) {
    result.by_scenario =
        operating_points_by_scenario(margins, period, result.points.back().threshold);
  }
  result.curve = ranking.curve(kCurvePoints);
  result.damage_by_curve_point =
      damage_along(result.curve, margins, period, result.to - result.from);
  result.feature_names = bundle.features.names();
  result.feature_gain = forest.total_gain();
  thin_margins(result, margins, period);

  const std::filesystem::path out = options.out;
  files::write_text(out / "metrics.json", evaluation_json(result, options));
  files::write_text(out / "report.html", evaluation_page(result, options));
  return result;
}

namespace {

void print(const EvaluateResult& result, const EvaluateOptions& options) {
  fmt::print("model               {}\n", result.model);
  fmt::print("period              {} to {}: {} payments, {} frauds, {} RUB at risk\n",
             format_date(result.from), format_date(result.to), result.payments, result.frauds,
             format_roubles(result.exposure_minor));
  fmt::print("average precision   {:.4f}  [{:.4f}, {:.4f}]", result.average_precision.value,
             result.average_precision.interval.low, result.average_precision.interval.high);
  if (result.has_floor) fmt::print("  ceiling {:.4f}", result.ceiling_average_precision);
  fmt::print("\nROC AUC             {:.4f}  [{:.4f}, {:.4f}]", result.roc_auc.value,
             result.roc_auc.interval.low, result.roc_auc.interval.high);
  if (result.has_floor) fmt::print("  ceiling {:.4f}", result.ceiling_roc_auc);
  fmt::print("\nCard Precision@{:<4} {:.4f}", options.cards, result.card_precision);
  if (result.has_floor)
    fmt::print("                    ceiling {:.4f}", result.ceiling_card_precision);
  fmt::print("\ncalibration error   {:.4f}  (Brier {:.4f})\n", result.calibration_error,
             result.brier_score);
  if (result.has_floor) {
    fmt::print("floor of the FNR    {:.2f} % of frauds are blind with labels after {}{}\n",
               100 * result.floor_share, format_duration(result.label_delay),
               result.floor_is_estimated ? " (estimated from labels)" : "");
  }
  fmt::print("\n{:<30}{:>9}{:>9}{:>9}{:>9}{:>11}{:>20}\n", "threshold", "FPR %", "FNR %",
             "FP/all %", "FN/all %", "precision", "damage RUB/30 d");
  for (const JudgedPoint& judged : result.points) {
    fmt::print("{:<30}{:>9.2f}{:>9.2f}{:>9.2f}{:>9.2f}{:>11.3f}{:>20}\n", judged.name,
               100 * judged.point.false_positive_rate(), 100 * judged.point.false_negative_rate(),
               100 * judged.point.false_positives_of_all(),
               100 * judged.point.false_negatives_of_all(), judged.point.precision(),
               format_roubles(static_cast<std::int64_t>(
                   100 * judged.point.damage_roubles_per_month(result.to - result.from))));
  }
  fmt::print("\nreport              {}/report.html\n", options.out);
}

}  // namespace

void add_evaluate_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command = add_command(weir, terminal, "evaluate",
                                  "Judge a bundle on a period it did not learn from: metrics, "
                                  "floor, report; or run a public protocol",
                                  "weir evaluate out/run/bundle out/run/lake --truth "
                                  "out/run/data/truth/windows.csv --out evaluation\n"
                                  "  weir evaluate --protocol handbook out/handbook/lake");
  struct Flags {
    EvaluateOptions options;
    HandbookOptions handbook;
    std::vector<std::string> places;
    std::string protocol;
  };
  auto flags = std::make_shared<Flags>();
  EvaluateOptions& options = flags->options;
  command->add_option("places", flags->places, "BUNDLE LAKE; with --protocol: LAKE")
      ->required()
      ->expected(1, 2);
  command->add_option("--protocol", flags->protocol, "A public protocol to run instead: handbook")
      ->check(CLI::IsMember({"handbook"}));
  command->add_option("--spec", flags->handbook.spec,
                      "With --protocol: feature spec, built-in name or TOML file");
  command
      ->add_option("--history", flags->handbook.history,
                   "With --protocol: train on its `week`, or on `all` labels known by then")
      ->check(CLI::IsMember({"week", "all"}));
  command
      ->add_option("--folds", flags->handbook.folds,
                   "With --protocol: its `test` folds or its `validation` folds")
      ->check(CLI::IsMember({"test", "validation"}));
  command->add_option("--rounds", flags->handbook.rounds, "With --protocol: trees");
  command->add_option("--eta", flags->handbook.parameters.eta, "With --protocol: learning rate");
  command->add_option("--depth", flags->handbook.parameters.depth,
                      "With --protocol: depth of a tree");
  command->add_option("--min-child-weight", flags->handbook.parameters.min_child_weight,
                      "With --protocol: hessian of a leaf");
  command->add_option("--subsample", flags->handbook.parameters.subsample,
                      "With --protocol: share of rows a tree sees");
  command->add_option("--colsample", flags->handbook.parameters.colsample,
                      "With --protocol: share of columns a tree sees");
  command->add_option("--lambda", flags->handbook.parameters.lambda,
                      "With --protocol: L2 on leaf weights");
  command->add_option("--max-bin", flags->handbook.parameters.max_bin,
                      "With --protocol: quantile bins a column");
  command->add_option("--out", options.out, "Folder of report.html and metrics.json");
  command->add_option("--truth", options.truth,
                      "truth/windows.csv of weir simulate; the floor is estimated without it");
  add_period_options(*command, options.from, options.to);
  add_duration_option(*command, "--label-delay", options.label_delay,
                      "When labels become known; the bundle's own if not given");
  command->add_option("--fpr", options.false_positive_rate,
                      "Judge FNR and damage at this share of genuine payments touched");
  command->add_option("--cards", options.cards, "k of Card Precision@k")
      ->check(CLI::PositiveNumber);
  command->add_option("--bootstrap", options.bootstrap, "Bootstrap samples for the intervals");
  command->add_option("--seed", options.seed, "Of the bootstrap and, with --protocol, of training");
  command->add_option("--threads", options.threads, "Threads; 0 = all cores");
  command->callback([flags, &terminal] {
    const auto progress = terminal.make_progress();
    if (!flags->protocol.empty()) {
      flags->handbook.lake = flags->places.back();
      flags->handbook.seed = flags->options.seed;
      flags->handbook.threads = flags->options.threads;
      report_handbook(flags->handbook, run_handbook(flags->handbook, *progress), terminal.json);
      return;
    }
    if (flags->places.size() != 2)
      throw UsageError("evaluate: wanted BUNDLE and LAKE, got one place; see --help");
    flags->options.bundle = flags->places[0];
    flags->options.lake = flags->places[1];
    const EvaluateResult result = run_evaluate(flags->options, *progress);
    if (terminal.json) {
      fmt::print("{}\n", evaluation_json(result, flags->options));
    } else {
      print(result, flags->options);
    }
    if (!result.leaks.empty()) {
      throw Error(
          fmt::format("a leak: {}; no honest score can do that, look for a label used too early",
                      fmt::join(result.leaks, "; ")));
    }
  });
}

}  // namespace weir::cli

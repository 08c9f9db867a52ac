#include "cli/train.h"
#include "cli/train_beliefs.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/transaction/calendar.h"
#include "edge/files/workers.h"
#include "edge/registry/bundle_folder.h"

namespace weir::cli {
namespace {

void print_period(std::string_view name, const BundlePeriod& period) {
  fmt::print("{:<12}{} to {}  {:>12} payments {:>9} frauds ({:.3f} %)\n", name,
             format_date(period.from), format_date(period.to), period.rows, period.frauds,
             100.0 * static_cast<double>(period.frauds) / static_cast<double>(period.rows));
}

void print_table(const TrainResult& result, const TrainOptions& options) {
  const training::TrainingResult& trained = result.training;
  const BundleManifest& manifest = trained.bundle.manifest;
  const training::SearchTrial& best = trained.trials[trained.chosen];
  print_period("training", manifest.training);
  print_period("validation", manifest.validation);
  if (trained.trials.size() > 1) {
    fmt::print("\n{:>5}{:>7}{:>8}{:>12}{:>11}{:>11}{:>8}{:>8}{:>20}\n", "set", "depth", "eta",
               "min_weight", "subsample", "colsample", "lambda", "rounds", "average precision");
    for (std::size_t index = 0; index < trained.trials.size(); ++index) {
      const training::SearchTrial& trial = trained.trials[index];
      fmt::print("{:>5}{:>7}{:>8}{:>12}{:>11}{:>11}{:>8}{:>8}{:>20.4f}{}\n", index,
                 trial.parameters.depth, trial.parameters.eta, trial.parameters.min_child_weight,
                 trial.parameters.subsample, trial.parameters.colsample, trial.parameters.lambda,
                 trial.rounds, trial.average_precision, index == trained.chosen ? " *" : "");
    }
  }
  const training::ValidationMetrics& metrics = trained.metrics;
  fmt::print(
      "\nbest round         {}\n"
      "average precision  {:.4f} ({:.4f} to {:.4f}) on validation, which also chose the round\n"
      "ROC AUC            {:.4f} ({:.4f} to {:.4f})\n"
      "calibration error  {:.5f} cross-fitted; Brier score {:.5f}\n"
      "at the threshold   {:.2f} % of genuine payments touched, {:.2f} % of frauds caught\n"
      "\n{} {} in {} ({:.1f} s)\n",
      best.rounds, metrics.average_precision, metrics.average_precision_interval.low,
      metrics.average_precision_interval.high, metrics.roc_auc, metrics.roc_auc_interval.low,
      metrics.roc_auc_interval.high, metrics.calibration_error, metrics.brier_score,
      100 * metrics.false_positive_rate, 100 * (1 - metrics.false_negative_rate), manifest.name,
      result.version, options.out, result.seconds);
}

void print_json(const TrainResult& result, const TrainOptions& options) {
  const training::TrainingResult& trained = result.training;
  nlohmann::ordered_json document = {{"bundle", options.out},
                                     {"name", trained.bundle.manifest.name},
                                     {"version", result.version},
                                     {"training_rows", trained.bundle.manifest.training.rows},
                                     {"training_frauds", trained.bundle.manifest.training.frauds}};
  document["validation"] = nlohmann::ordered_json::parse(trained.bundle.metrics_json);
  document["parameters"] = trained.bundle.manifest.parameters;
  document["trials"] = nlohmann::ordered_json::array();
  for (const training::SearchTrial& trial : trained.trials) {
    document["trials"].push_back({{"max_depth", trial.parameters.depth},
                                  {"eta", trial.parameters.eta},
                                  {"min_child_weight", trial.parameters.min_child_weight},
                                  {"subsample", trial.parameters.subsample},
                                  {"colsample_bytree", trial.parameters.colsample},
                                  {"lambda", trial.parameters.lambda},
                                  {"rounds", trial.rounds},
                                  {"average_precision", trial.average_precision}});
  }
  document["seconds"] = result.seconds;
  fmt::print("{}\n", document.dump(2));
}

}  // namespace

TrainResult run_train(const files::FeatureTable& table,
                      const TrainOptions& options,
                      Progress& progress) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  training::TrainingSettings settings = options.settings;
  settings.threads = files::thread_count(settings.threads);
  training::TrainingResult trained =
      options.forest.empty()
          ? training::train(table.payments.view(), table.features, table.spec, table.label_delay,
                            settings, progress)
          : training::adopt(training::read_grown_forest(options.forest), table.payments.view(),
                            table.features, table.spec, table.label_delay, settings);
  trained.bundle.manifest.libraries["weir"] = WEIR_VERSION;
  TrainResult result{std::move(trained), "", 0};
  result.version = registry::save_bundle(result.training.bundle, options.out);
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return result;
}

TrainResult run_train(const TrainOptions& options, Progress& progress) {
  const training::TrainingSettings& settings = options.settings;
  const int threads = files::thread_count(settings.threads);
  if (!options.forest.empty()) {
    if (settings.search > 0 || settings.refit || settings.train_from || settings.train_to) {
      throw UsageError(
          "--forest takes a forest as it is; leave out --search, --refit, --train-from and "
          "--train-to");
    }
    return run_train(files::read_feature_table(options.input, settings.valid_from,
                                               settings.valid_to, threads, progress),
                     options, progress);
  }
  // The default split looks at the whole span, so only given ends may narrow what is read.
  const files::FeatureTable table = files::read_feature_table(options.input, settings.train_from,
                                                              settings.valid_to, threads, progress);
  return run_train(table, options, progress);
}

void add_train_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command =
      add_command(weir, terminal, "train",
                  "Train a model bundle on a feature table: XGBoost, calibration, thresholds",
                  "weir train features.parquet --out model --search 10");
  auto options = std::make_shared<TrainOptions>();
  training::TrainingSettings& settings = options->settings;
  auto beliefs = std::make_shared<BeliefOptions>();
  command
      ->add_option("input", options->input,
                   "Feature table (Parquet) of weir features; with --beliefs a lake")
      ->required();
  auto with_beliefs = std::make_shared<bool>(false);
  command->add_flag("--beliefs", *with_beliefs,
                    "Train on a lake for the closed loop: a model without outcomes, rates of the "
                    "beliefs, a policy in roubles");
  command->add_option("--spec", beliefs->spec, "With --beliefs: feature spec without outcomes");
  auto label_delay = std::make_shared<std::optional<Seconds>>();
  add_duration_option(*command, "--label-delay", *label_delay,
                      "With --beliefs: when labels become known");
  command->add_option("--genuine-sample", beliefs->genuine_sample,
                      "With --beliefs: learn from one in so many genuine payments; 0: by size");
  add_policy_options(*command, beliefs->policy, beliefs->answers);
  auto* feedback = command->add_option(
      "--feedback", beliefs->feedback,
      "With --beliefs: Parquet file of weir export or replay --feedback; --answered, "
      "--fraud-passes and --wrong-denial are estimated from it");
  for (const char* told : {"--answered", "--fraud-passes", "--wrong-denial"}) {
    feedback->excludes(command->get_option(told));
  }
  command->add_option("--out", options->out, "Folder of the bundle")->required();
  command->add_option("--forest", options->forest,
                      "Take this forest (forest.ubj of XGBoost, its origin in forest.json beside "
                      "it) and only calibrate, judge and bundle it");
  command->add_option("--name", settings.name, "Name of the model");
  add_time_option(*command, "--train-from", settings.train_from,
                  "Training begins; the table's first day when not given");
  add_time_option(*command, "--train-to", settings.train_to,
                  "Training ends before; when not given, the label delay before validation, which "
                  "is also the latest allowed");
  add_time_option(*command, "--valid-from", settings.valid_from,
                  "Validation begins; the last fifth of the days when not given");
  add_time_option(*command, "--valid-to", settings.valid_to,
                  "Validation ends before; the table's end when not given");
  command->add_option("--rounds", settings.rounds, "Trees at most");
  command->add_option("--early-stopping", settings.early_stopping_rounds,
                      "Stop after this many rounds without a better average precision");
  command->add_option("--depth", settings.parameters.depth, "Depth of a tree at most");
  command->add_option("--eta", settings.parameters.eta, "Learning rate");
  command->add_option("--min-child-weight", settings.parameters.min_child_weight,
                      "Least sum of hessians in a leaf");
  command->add_option("--subsample", settings.parameters.subsample, "Share of rows a tree sees");
  command->add_option("--colsample", settings.parameters.colsample, "Share of columns a tree sees");
  command->add_option("--lambda", settings.parameters.lambda, "L2 penalty on leaves");
  command->add_option("--max-bin", settings.parameters.max_bin, "Quantile bins a column");
  command->add_option("--search", settings.search,
                      "Try this many other sets of parameters and keep the best on validation");
  command->add_flag("--refit", settings.refit,
                    "Grow the chosen number of trees again on training and validation together");
  command->add_option("--false-positive-rate", settings.false_positive_rate,
                      "Share of genuine payments that the policy may touch");
  command->add_option("--decline-rate", settings.decline_rate,
                      "Share of genuine payments that the policy may decline");
  command->add_option("--seed", settings.seed, "Same table and seed, same bytes");
  settings.threads = 0;
  command->add_option("--threads", settings.threads, "0: all cores");
  command->callback([options, beliefs, with_beliefs, label_delay, &terminal] {
    beliefs->label_delay = label_delay->value_or(beliefs->label_delay);
    const auto progress = terminal.make_progress();
    if (*with_beliefs && !options->forest.empty()) {
      throw UsageError("--forest and --beliefs exclude each other");
    }
    const TrainResult result = *with_beliefs ? run_train_beliefs(*options, *beliefs, *progress)
                                             : run_train(*options, *progress);
    if (terminal.json) {
      print_json(result, *options);
    } else {
      print_table(result, *options);
    }
  });
}

}  // namespace weir::cli

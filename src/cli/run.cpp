#include "cli/run.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/clean.h"
#include "cli/features.h"
#include "cli/loop_report.h"
#include "cli/loop_scenarios.h"
#include "cli/profile.h"
#include "cli/simulate.h"
#include "cli/train.h"
#include "cli/train_beliefs.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/money.h"
#include "edge/registry/bundle_folder.h"

namespace weir::cli {
namespace {

constexpr std::int64_t kGoalRoubles = 500'000;
/// Of the days, where none are given: what is judged, and what only fills the windows.
constexpr Seconds kJudgedShare = 4;
constexpr Seconds kWarmUpShare = 6;

/// Where one run puts its things.
struct Places {
  std::filesystem::path out;

  std::string data() const { return (out / "data").string(); }
  std::string lake() const { return (out / "lake").string(); }
  std::string profile() const { return (out / "profile").string(); }
  std::string features() const { return (out / "features.parquet").string(); }
  std::string bundle() const { return (out / "bundle").string(); }
  std::string evaluation() const { return (out / "evaluation").string(); }
  std::string decisions() const { return (out / "decisions.parquet").string(); }
  std::string loop_bundle() const { return (out / "loop-bundle").string(); }
  std::string loop_decisions() const { return (out / "loop-decisions.parquet").string(); }
  std::string loop_page() const { return (out / "loop.html").string(); }
};

/// The midnight from which on payments are judged.
Seconds judged_from(const RunOptions& options, Seconds first, Seconds last) {
  if (options.test_from) return *options.test_from;
  const Seconds days = (day_start(last) - day_start(first)) / kSecondsPerDay + 1;
  return day_start(last) + kSecondsPerDay -
         std::max<Seconds>(1, days / kJudgedShare) * kSecondsPerDay;
}

void require_equal(const EvaluateResult& batch, const ReplayResult& live) {
  const OperatingPoint& point = batch.points.front().point;
  if (point.false_positives == live.genuine_touched &&
      point.false_negatives == live.frauds_through && point.damage_minor == live.damage_minor) {
    return;
  }
  throw Error(fmt::format(
      "the live pipeline touched {} genuine payments and let {} frauds through, the batch {} and "
      "{}; both run the same "
      "core, so this is a bug: keep the output folder and report it",
      live.genuine_touched, live.frauds_through, point.false_positives, point.false_negatives));
}

/// The same period with challenges that are answered: a bundle with beliefs, and its replay beside
/// the open loop and other budgets.
std::vector<LoopResult> close_loop(const RunOptions& options,
                                   const Places& places,
                                   const training::TrainingSettings& settings,
                                   const EvaluateResult& evaluation,
                                   Seconds test_from,
                                   Progress& progress) {
  TrainOptions train;
  train.input = places.lake();
  train.out = places.loop_bundle();
  train.settings = settings;
  train.settings.name = "weir-loop";
  BeliefOptions beliefs;
  beliefs.label_delay = options.label_delay;
  run_train_beliefs(train, beliefs, progress);
  const Bundle bundle = registry::load_bundle(places.loop_bundle());
  LoopReportOptions report;
  report.decisions = places.loop_decisions();
  report.page = places.loop_page();
  report.truth = options.truth;
  report.frontier = true;
  if (evaluation.has_floor && evaluation.floor_is_estimated) {
    report.references.push_back({"the expected best without a loop, estimated", std::nullopt,
                                 EvaluateOptions{}.false_positive_rate, evaluation.floor_at_rate,
                                 evaluation.ceiling_average_precision});
  }
  report.replay.lake = places.lake();
  report.replay.from = test_from;
  report.replay.threads = options.threads;
  return run_loop_report(report, bundle, {scenario_of(bundle)}, progress);
}

}  // namespace

RunResult run_all(const RunOptions& given, Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  RunOptions options = given;
  const Places places{options.out};
  if (options.inputs.empty()) {
    SimulateOptions simulate;
    simulate.spec = SimulationSpec::preset(options.preset);
    if (options.seed) simulate.spec.seed = *options.seed;
    simulate.out = places.data();
    simulate.threads = options.threads;
    const SimulateResult simulated = run_simulate(simulate, progress);
    options.inputs = {simulated.raw};
    options.truth = simulated.windows;
    options.terminals = fmt::format("0..{}", simulate.spec.terminals - 1);
  }
  RunResult result;
  CleanOptions clean;
  clean.inputs = options.inputs;
  clean.out = places.lake();
  clean.terminals = options.terminals;
  clean.threads = options.threads;
  result.cleaning = run_clean(clean, progress);

  ProfileOptions profile;
  profile.input = places.lake();
  profile.out = places.profile();
  profile.threads = options.threads;
  run_profile(profile, progress);

  FeaturesOptions features;
  features.lake = places.lake();
  features.out = places.features();
  features.spec = options.spec;
  features.label_delay = options.label_delay;
  features.threads = options.threads;
  const FeaturesResult computed = run_features(features, progress);

  const Seconds test_from = judged_from(options, computed.first, computed.last);
  const Seconds valid_to = test_from - options.label_delay;
  TrainOptions train;
  train.input = places.features();
  train.out = places.bundle();
  train.settings.train_from =
      day_start(computed.first + std::max<Seconds>(0, valid_to - computed.first) / kWarmUpShare);
  train.settings.valid_to = valid_to;
  train.settings.seed = options.seed.value_or(train.settings.seed);
  train.settings.threads = options.threads;
  run_train(train, progress);

  EvaluateOptions evaluate;
  evaluate.bundle = places.bundle();
  evaluate.lake = places.lake();
  evaluate.out = places.evaluation();
  evaluate.truth = options.truth;
  evaluate.from = test_from;
  evaluate.bootstrap = options.bootstrap;
  evaluate.seed = options.seed.value_or(evaluate.seed);
  evaluate.threads = options.threads;
  result.evaluation = run_evaluate(evaluate, progress);

  ReplayOptions replay;
  replay.bundle = places.bundle();
  replay.lake = places.lake();
  replay.out = places.decisions();
  replay.from = test_from;
  replay.threads = options.threads;
  result.replay = run_replay(replay, progress);
  require_equal(result.evaluation, result.replay);
  result.loop = close_loop(options, places, train.settings, result.evaluation, test_from, progress);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

namespace {

void print(const RunResult& result, const Places& places) {
  const EvaluateResult& evaluation = result.evaluation;
  const Seconds period = evaluation.to - evaluation.from;
  const OperatingPoint& point = evaluation.points.front().point;
  OperatingPoint nothing;  // Without control all of it goes through.
  nothing.damage_minor = evaluation.exposure_minor;
  const auto roubles = [](double value) {
    return format_roubles(static_cast<std::int64_t>(value * 100));
  };
  const double damage = point.damage_roubles_per_month(period);
  const LoopOutcome& loop = result.loop.front().outcome;
  const LoopCounts done = loop.total();
  const FeedbackSettings& world = result.loop.front().scenario.feedback;
  fmt::print("\nWhat weir did, {} to {}\n", format_date(evaluation.from),
             format_date(evaluation.to));
  fmt::print("  payments judged                       {:>16}\n", result.replay.payments);
  fmt::print("  fraud in 30 days without any control  {:>16} RUB\n",
             roubles(nothing.damage_roubles_per_month(period)));
  fmt::print(
      "\nwith the loop closed: {:g} % of challenged cardholders answer, after {}; simulated\n",
      100 * world.answered, format_duration(world.answer_delay));
  fmt::print("  damage in 30 days                     {:>16} RUB   (goal: below {})\n",
             roubles(loop.damage_roubles_per_month()), format_roubles(kGoalRoubles * 100));
  fmt::print("  good payments touched (FPR)           {:>15.2f} %   (goal: below 5 %)\n",
             100 * done.false_positive_rate());
  fmt::print("  frauds that went through (FNR)        {:>15.2f} %   (goal: below 2 %)\n",
             100 * done.false_negative_rate());
  fmt::print("  good payments lost                    {:>15.2f} %\n",
             100 * done.genuine_lost_rate());
  fmt::print("  challenges of a good customer a month {:>16.2f}\n",
             loop.challenges_per_customer_month());
  fmt::print("  average precision of the score        {:>16.4f}\n",
             result.loop.front().average_precision);
  fmt::print("\nwith chargebacks alone, {} after the payment\n",
             format_duration(evaluation.label_delay));
  fmt::print("  damage in 30 days                     {:>16} RUB\n", roubles(damage));
  fmt::print("  good payments touched (FPR)           {:>15.2f} %\n",
             100 * point.false_positive_rate());
  fmt::print("  frauds that went through (FNR)        {:>15.2f} %\n",
             100 * point.false_negative_rate());
  if (evaluation.has_floor) {
    fmt::print("  of them impossible to see (floor)     {:>15.2f} %   labels come {} late{}\n",
               100 * evaluation.floor_share, format_duration(evaluation.label_delay),
               evaluation.floor_is_estimated ? "; estimated" : "");
  }
  fmt::print("  average precision of the score        {:>16.4f}     [{:.4f}, {:.4f}]\n",
             evaluation.average_precision.value, evaluation.average_precision.interval.low,
             evaluation.average_precision.interval.high);
  fmt::print("  time to decide one payment            {:>13.2f} us   p99 {:.2f} us\n",
             result.replay.latency_us_p50, result.replay.latency_us_p99);
  fmt::print("  live decisions equal the batch        {:>16}\n\n", "yes");
  fmt::print("report      {}/report.html\n", places.evaluation());
  fmt::print("the loop    {}\n", places.loop_page());
  fmt::print("data        {}/profile.html\n", places.profile());
  fmt::print("decisions   {}\n", places.decisions());
  fmt::print("model       {}\n", places.bundle());
  fmt::print("in {:.0f} s\n", result.seconds);
}

nlohmann::ordered_json to_json(const RunResult& result,
                               const RunOptions& options,
                               const Places& places) {
  EvaluateOptions evaluate;
  return {
      {"evaluation", nlohmann::ordered_json::parse(evaluation_json(result.evaluation, evaluate))},
      {"loop", loop_json(result.loop.front())},
      {"live_equals_batch", true},
      {"latency_us_p50", result.replay.latency_us_p50},
      {"latency_us_p99", result.replay.latency_us_p99},
      {"out", options.out},
      {"report", places.evaluation() + "/report.html"},
      {"seconds", result.seconds}};
}

}  // namespace

void add_run_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command = add_command(weir, terminal, "run",
                                  "The main job: raw payments to a model, decisions and a report",
                                  "weir run payments/*.txt --terminals 0..999 --out out/run\n"
                                  "  weir run                      (simulates payments first)");
  auto options = std::make_shared<RunOptions>();
  auto label_delay = std::make_shared<std::optional<Seconds>>();
  command->add_option("input", options->inputs,
                      "Raw payments: files, folders or globs; none: simulate");
  command->add_option("--out", options->out, "Folder of everything that is made");
  command->add_option("--preset", options->preset, "What to simulate without INPUT");
  command->add_option("--terminals", options->terminals, "Terminals that exist: 0..999, or a file");
  command->add_option("--truth", options->truth,
                      "truth/windows.csv of weir simulate, for the floor");
  command->add_option("--spec", options->spec, "Feature spec: weir, handbook or a TOML file");
  add_time_option(*command, "--test-from", options->test_from,
                  "Judge from this day on; the last quarter of the days if not given");
  add_duration_option(*command, "--label-delay", *label_delay,
                      "When labels become known; 7d if not given");
  command->add_option("--bootstrap", options->bootstrap, "Bootstrap samples for the intervals");
  command->add_option("--seed", options->seed,
                      "Of everything that is random; the preset's own if not given");
  command->add_option("--threads", options->threads, "Threads; 0 = all cores");
  command->callback([options, label_delay, &terminal] {
    options->label_delay = label_delay->value_or(options->label_delay);
    const auto progress = terminal.make_progress();
    const RunResult result = run_all(*options, *progress);
    const Places places{options->out};
    if (terminal.json) {
      fmt::print("{}\n", to_json(result, *options, places).dump(2));
    } else {
      print(result, places);
    }
    if (!result.evaluation.leaks.empty()) {
      throw Error(fmt::format("a leak: {}; look for a label used too early",
                              fmt::join(result.evaluation.leaks, "; ")));
    }
  });
}

}  // namespace weir::cli

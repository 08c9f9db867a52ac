#include "cli/tune.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/loop_report.h"
#include "cli/replay_page.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/money.h"
#include "edge/files/lake.h"
#include "edge/files/staged.h"
#include "edge/registry/bundle_folder.h"

namespace weir::cli {
namespace {

constexpr Seconds kTunedDays = 14 * kSecondsPerDay;

std::string name_of(const MoneyPolicy& policy) {
  return fmt::format("{:.2f} % touched, take-over worth {:g}", 100 * policy.false_positive_rate,
                     policy.takeover_worth);
}

std::string roubles(double value) { return format_roubles(static_cast<std::int64_t>(value) * 100); }

std::string page_of(const TuneResult& result, const std::vector<LoopResult>& loops, bool met) {
  const LoopResult& best = loops[result.best];
  ReplayPage page(best.outcome);
  page.title = "Tuning the policy";
  page.subtitle = fmt::format("{} to {}", format_date(result.from), format_date(result.to));
  const FeedbackSettings& feedback = best.scenario.feedback;
  const MoneyPolicy& policy = best.scenario.policy;
  page.settings = {
      {"answers after", format_duration(feedback.answer_delay)},
      {"cardholders who answer", fmt::format("{:g} %", 100 * feedback.answered)},
      {"a challenge costs", fmt::format("{:g} RUB", policy.challenge_cost)},
      {"a lost genuine payment costs", fmt::format("{:g} RUB", policy.lost_genuine_cost)},
      {"a review costs", fmt::format("{:g} RUB", policy.review_cost)},
      {"chosen: budget for genuine payments touched",
       fmt::format("{:.3g} %", 100 * policy.false_positive_rate)},
      {"chosen: worth of a taken-over card", fmt::format("{:g} RUB", policy.takeover_worth)}};
  page.damage_interval = best.damage_interval;
  page.budget = best.budget;
  page.chosen = point_of(best, best.scenario.name);
  for (std::size_t i = 0; i < loops.size(); ++i) {
    if (i != result.best) page.frontier.push_back(point_of(loops[i], loops[i].scenario.name));
  }
  if (!met) {
    page.notes.push_back(
        "No policy that was tried keeps the limits: shown is the one nearest to them.");
  }
  page.notes.push_back(
      "The policy was chosen on these days, so its figures here are a little too good; judge it on "
      "days after them.");
  return replay_page(page);
}

void print(const TuneResult& result, const PolicyLimits& limits) {
  fmt::print("tuned on {} to {}\n\n", format_date(result.from), format_date(result.to));
  fmt::print("{:>10}{:>10}{:>16}{:>9}{:>9}{:>14}{:>11}{:>16}\n", "budget", "take-over",
             "damage RUB/30d", "FPR", "lost", "challenges/d", "per cust.", "cost RUB/30d");
  for (std::size_t i = 0; i < result.trials.size(); ++i) {
    const PolicyTrial& trial = result.trials[i];
    fmt::print("{:>9.2f}%{:>10g}{:>16}{:>8.2f}%{:>8.2f}%{:>14.0f}{:>11.2f}{:>16}{}\n",
               100 * trial.policy.false_positive_rate, trial.policy.takeover_worth,
               roubles(trial.damage_roubles_per_month), 100 * trial.false_positive_rate,
               100 * trial.genuine_lost_rate, trial.challenges_per_day,
               trial.challenges_per_customer_month, roubles(trial.cost_roubles_per_month),
               i == result.best            ? "  <- chosen"
               : excess(trial, limits) > 0 ? "  past a limit"
                                           : "");
  }
}

nlohmann::ordered_json to_json(const TuneResult& result, const PolicyLimits& limits) {
  nlohmann::ordered_json json = {{"from", format_date(result.from)},
                                 {"to", format_date(result.to)},
                                 {"best", result.best},
                                 {"model_version", result.version},
                                 {"trials", nlohmann::ordered_json::array()}};
  for (const PolicyTrial& trial : result.trials) {
    json["trials"].push_back(
        {{"touch_budget", trial.policy.false_positive_rate},
         {"takeover_worth", trial.policy.takeover_worth},
         {"damage_roubles_per_30_days", trial.damage_roubles_per_month},
         {"false_positive_rate", trial.false_positive_rate},
         {"genuine_lost_rate", trial.genuine_lost_rate},
         {"challenges_per_day", trial.challenges_per_day},
         {"challenges_per_customer_month", trial.challenges_per_customer_month},
         {"cost_roubles_per_30_days", trial.cost_roubles_per_month},
         {"within_limits", excess(trial, limits) == 0}});
  }
  return json;
}

}  // namespace

TuneResult run_tune(const TuneOptions& options, Progress& progress) {
  options.limits.validate();
  Bundle bundle = registry::load_bundle(options.bundle);
  LoopScenario base = scenario_of(bundle);
  options.world.apply_to(base);
  MoneyPolicy& prices = base.policy;
  prices.challenge_cost = options.challenge_cost.value_or(prices.challenge_cost);
  prices.lost_genuine_cost = options.lost_genuine_cost.value_or(prices.lost_genuine_cost);
  prices.review_cost = options.review_cost.value_or(prices.review_cost);
  try {
    MoneyPolicy::parse(prices.to_toml(), "flags");
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
  TuneResult result;
  LoopReplayOptions replay = options.replay;
  replay.keep_scores = false;
  const auto [lake_from, lake_to] = files::lake_period(replay.lake);
  result.from = replay.from.value_or(std::max(lake_from, bundle.manifest.validation.to));
  result.to = replay.to.value_or(std::min(lake_to, result.from + kTunedDays));
  replay.from = result.from;
  replay.to = result.to;
  std::vector<LoopResult> loops;
  for (int round = 0; round < kSearchRounds; ++round) {
    std::vector<LoopScenario> scenarios;
    for (const MoneyPolicy& policy :
         policies_to_try(round, base.policy, result.trials, options.limits)) {
      scenarios.push_back(base);
      scenarios.back().policy = policy;
      scenarios.back().name = name_of(policy);
    }
    if (scenarios.empty()) continue;
    for (LoopResult& loop : replay_loops(bundle, replay, scenarios, nullptr, progress)) {
      result.trials.push_back(trial_of(loop.scenario.policy, loop.outcome));
      loops.push_back(std::move(loop));
    }
  }
  result.best = best_trial(result.trials, options.limits);
  const PolicyTrial& best = result.trials[result.best];
  const bool met = excess(best, options.limits) == 0;
  if (!options.page.empty()) {
    files::StagedFile staged(options.page);
    files::write_text(staged.path(), page_of(result, loops, met));
    staged.commit();
  }
  if (!met) return result;
  bundle.policy_toml = best.policy.to_toml();
  result.version = registry::save_bundle(bundle, options.out);
  return result;
}

void add_tune_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command = add_command(
      weir, terminal, "tune",
      "Find the cheapest policy within limits, for given prices, on a period of the past",
      "weir tune out/run/loop-bundle out/run/lake --out tuned --damage-limit 500000 --page "
      "frontier.html");
  auto options = std::make_shared<TuneOptions>();
  command->add_option("bundle", options->bundle, "Bundle of weir train --beliefs (folder)")
      ->required();
  command->add_option("lake", options->replay.lake, "Lake of clean payments (folder or s3://)")
      ->required();
  command->add_option("--out", options->out, "Folder of the bundle with the policy found")
      ->required();
  command->add_option("--page", options->page, "HTML page with the frontier");
  command->add_option("--challenge-cost", options->challenge_cost,
                      "Roubles for asking a cardholder; the bundle's if not given");
  command->add_option("--lost-genuine-cost", options->lost_genuine_cost,
                      "Roubles for a genuine payment that is not executed; the bundle's");
  command->add_option("--review-cost", options->review_cost,
                      "Roubles for an analyst's look; the bundle's if not given");
  command->add_option("--damage-limit", options->limits.damage_roubles_per_month,
                      "Roubles of executed fraud in 30 days that must not be passed");
  command->add_option("--touch-limit", options->limits.false_positive_rate,
                      "Share of genuine payments challenged or declined that must not be passed");
  command->add_option("--lost-limit", options->limits.genuine_lost_rate,
                      "Share of genuine payments lost that must not be passed");
  command->add_option("--challenge-limit", options->limits.challenges_per_day,
                      "Challenges a day that must not be passed");
  add_time_option(*command, "--from", options->replay.from,
                  "First day; if not given, the first after the bundle's validation period");
  add_time_option(*command, "--to", options->replay.to,
                  "The day after the last; if not given, 14 days after --from");
  auto run_in = std::make_shared<std::optional<Seconds>>();
  add_duration_option(*command, "--run-in", *run_in,
                      "The loop is closed this long before --from; 2d if not given");
  command->add_option("--threads", options->replay.threads, "Threads; 0 = all cores");
  options->world.add_to(*command);
  command->callback([options, run_in, &terminal] {
    options->replay.run_in = run_in->value_or(options->replay.run_in);
    const auto progress = terminal.make_progress();
    const TuneResult result = run_tune(*options, *progress);
    if (terminal.json) {
      fmt::print("{}\n", to_json(result, options->limits).dump(2));
    } else {
      print(result, options->limits);
    }
    if (result.version.empty()) {
      const PolicyTrial& nearest = result.trials[result.best];
      throw Error(fmt::format(
          "tune: of {} policies none keeps the limits; the nearest ({}) has {}; raise what it "
          "passes, or let cardholders answer sooner or more often. No bundle was written",
          result.trials.size(), name_of(nearest.policy), passed_limits(nearest, options->limits)));
    }
    if (!terminal.json) {
      fmt::print("\nbundle {} with this policy is in {}\n", result.version, options->out);
    }
  });
}

}  // namespace weir::cli

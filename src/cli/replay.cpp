#include "cli/replay.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/loop_report.h"
#include "cli/loop_scenarios.h"
#include "core/pipeline/pipeline.h"
#include "core/transaction/calendar.h"
#include "core/transaction/money.h"
#include "edge/files/decision_table.h"
#include "edge/files/lake.h"
#include "edge/registry/bundle_folder.h"

namespace weir::cli {
namespace {

constexpr std::int64_t kMonthDays = 30;

Feedback matured(const PaymentView& payments, std::size_t row, Seconds label_delay) {
  const bool fraud = payments.is_fraud[row] != 0;
  return {payments[row], fraud ? Outcome::kFraud : Outcome::kGenuine,
          fraud ? OutcomeSource::kChargeback : OutcomeSource::kMaturity,
          payments.event_time[row] + label_delay};
}

void count(ReplayResult& result,
           const Decision& decision,
           std::int64_t amount_minor,
           std::optional<bool> fraud) {
  ++result.payments;
  result.approved += decision.action == Action::kApprove;
  result.challenged += decision.action == Action::kChallenge;
  result.declined += decision.action == Action::kDecline;
  if (!fraud) return;
  const bool touched = decision.action != Action::kApprove;
  result.genuine += !*fraud;
  result.genuine_touched += !*fraud && touched;
  if (!*fraud) return;
  ++result.frauds;
  result.exposure_minor += amount_minor;
  if (touched) return;
  ++result.frauds_through;
  result.damage_minor += amount_minor;
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

nlohmann::ordered_json to_json(const ReplayResult& result, const ReplayOptions& options) {
  nlohmann::ordered_json json = {{"payments", result.payments},
                                 {"approved", result.approved},
                                 {"challenged", result.challenged},
                                 {"declined", result.declined}};
  if (result.labelled) {
    json["genuine"] = result.genuine;
    json["frauds"] = result.frauds;
    json["false_positive_rate"] = result.false_positive_rate();
    json["false_negative_rate"] = result.false_negative_rate();
    json["exposure_minor"] = result.exposure_minor;
    json["damage_minor"] = result.damage_minor;
    json["damage_minor_per_30_days"] = result.damage_minor_per_month();
  }
  json["latency_us_p50"] = result.latency_us_p50;
  json["latency_us_p99"] = result.latency_us_p99;
  json["decisions"] = options.out;
  return json;
}

void print(const ReplayResult& result, const ReplayOptions& options) {
  fmt::print("payments decided    {:>14}\n", result.payments);
  fmt::print("  approved          {:>14}\n  challenged        {:>14}\n  declined          {:>14}\n",
             result.approved, result.challenged, result.declined);
  if (result.labelled) {
    fmt::print("genuine touched     {:>13.2f}%  (FPR: challenged or declined / genuine)\n",
               100 * result.false_positive_rate());
    fmt::print("frauds through      {:>13.2f}%  (FNR: approved frauds / frauds)\n",
               100 * result.false_negative_rate());
    fmt::print("damage in 30 days   {:>14} RUB of {} RUB at risk in the period\n",
               format_roubles(result.damage_minor_per_month()),
               format_roubles(result.exposure_minor));
  }
  fmt::print("time of a decision  {:>13.2f} us at the median, {:.2f} us at the 99th percentile\n",
             result.latency_us_p50, result.latency_us_p99);
  fmt::print("decisions           {}\n", options.out);
}

}  // namespace

double ReplayResult::false_positive_rate() const { return share(genuine_touched, genuine); }
double ReplayResult::false_negative_rate() const { return share(frauds_through, frauds); }
std::int64_t ReplayResult::damage_minor_per_month() const {
  return period_seconds == 0 ? 0 : damage_minor * kMonthDays * kSecondsPerDay / period_seconds;
}

ReplayResult run_replay(const ReplayOptions& options, Progress& progress) {
  using Clock = std::chrono::steady_clock;
  const Bundle bundle = registry::load_bundle(options.bundle);
  const Seconds label_delay = options.label_delay.value_or(bundle.manifest.label_delay);
  // History before `from` is part of the log; only its decisions are not kept.
  const PaymentColumns columns =
      files::read_lake(options.lake, std::nullopt, options.to, options.threads, progress);
  const PaymentView payments = columns.view();
  const Seconds from = options.from.value_or(payments.event_time.front());
  const auto first = static_cast<std::size_t>(
      std::lower_bound(payments.event_time.begin(), payments.event_time.end(), from) -
      payments.event_time.begin());
  if (first == payments.size()) {
    throw Error(fmt::format("lake \"{}\": no payment from {} on; choose an earlier --from",
                            options.lake, format_date(from)));
  }
  ReplayResult result;
  result.labelled = payments.has_labels();
  result.period_seconds =
      options.to.value_or(day_start(payments.event_time.back()) + kSecondsPerDay) - from;
  std::vector<Decision> decisions;
  decisions.reserve(payments.size() - first);
  std::vector<float> latencies;
  latencies.reserve(payments.size() - first);

  Pipeline pipeline(bundle);
  std::size_t labelled_until = 0;
  progress.begin("replaying", payments.size(), "payments");
  for (std::size_t row = 0; row < payments.size(); ++row) {
    const Payment payment = payments[row];
    while (result.labelled && labelled_until < row &&
           payments.event_time[labelled_until] + label_delay <= payment.event_time) {
      pipeline.apply(matured(payments, labelled_until++, label_delay));
    }
    const auto start = Clock::now();
    const auto answer = pipeline.apply(payment, payment.event_time);
    const auto taken = Clock::now() - start;
    if (row % 4096 == 0) progress.update(row);
    if (row < first) continue;
    const auto* decision = std::get_if<Decision>(&answer);
    // A lake holds no duplicate and no future: cleaning saw to it.
    WEIR_CHECK(decision != nullptr);
    decisions.push_back(*decision);
    latencies.push_back(std::chrono::duration<float, std::micro>(taken).count());
    count(result, *decision, payment.amount_minor,
          result.labelled ? std::optional(payments.is_fraud[row] != 0) : std::nullopt);
  }
  progress.update(payments.size());
  progress.end();
  const auto quantile = [&](double q) {
    const auto at = latencies.begin() +
                    static_cast<std::ptrdiff_t>(q * static_cast<double>(latencies.size() - 1));
    std::nth_element(latencies.begin(), at, latencies.end());
    return static_cast<double>(*at);
  };
  result.latency_us_p50 = quantile(0.5);
  result.latency_us_p99 = quantile(0.99);
  files::write_decisions(options.out, payments.slice(first, payments.size()), decisions,
                         bundle.manifest.version);
  return result;
}

void add_replay_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command = add_command(
      weir, terminal, "replay",
      "Send a period through the pipeline as if live: decisions, FPR, FNR, roubles",
      "weir replay out/run/bundle out/run/lake --from 2019-10-01 --out decisions.parquet");
  auto options = std::make_shared<ReplayOptions>();
  command->add_option("bundle", options->bundle, "Model bundle (folder)")->required();
  command->add_option("lake", options->lake, "Lake of clean payments (folder or s3://)")
      ->required();
  command->add_option("--out", options->out, "Parquet file of the decisions");
  add_period_options(*command, options->from, options->to);
  auto flags = std::make_shared<FeedbackFlags>();
  flags->add_to(*command);
  auto scenarios = std::make_shared<std::string>();
  command->add_option("--scenarios", *scenarios,
                      "TOML file of [[scenario]] tables, all run over the same payments");
  auto report = std::make_shared<LoopReportOptions>();
  command->add_option("--page", report->page,
                      "HTML page of the loop: loss against the budget, frontier, the open loop");
  command->add_flag("--frontier", report->frontier,
                    "Also replay other budgets for touching genuine payments");
  command->add_option("--truth", report->truth,
                      "truth/windows.csv of weir simulate: how long compromises went on");
  command->add_option(
      "--feedback", report->feedback,
      "Parquet file of the answers and chargebacks that the loop was told, for weir "
      "train --feedback");
  auto run_in = std::make_shared<std::optional<Seconds>>();
  add_duration_option(*command, "--run-in", *run_in,
                      "The loop is closed this long before --from; 2d if not given");
  command->add_option("--threads", options->threads, "Threads for reading; 0 = all cores");
  command->callback([options, flags, scenarios, run_in, report, &terminal] {
    const auto progress = terminal.make_progress();
    const Bundle bundle = registry::load_bundle(options->bundle);
    if (!bundle.beliefs_toml.empty()) {
      report->decisions = options->out;
      LoopReplayOptions& loop = report->replay;
      loop.lake = options->lake;
      loop.from = options->from;
      loop.to = options->to;
      loop.threads = options->threads;
      loop.run_in = run_in->value_or(loop.run_in);
      LoopScenario base = scenario_of(bundle);
      flags->apply_to(base);
      const auto all =
          scenarios->empty() ? std::vector<LoopScenario>{base} : load_scenarios(*scenarios, base);
      const auto results = run_loop_report(*report, bundle, all, *progress);
      if (terminal.json) {
        nlohmann::ordered_json json = nlohmann::ordered_json::array();
        for (const LoopResult& result : results) json.push_back(loop_json(result));
        fmt::print("{}\n", json.dump(2));
      } else {
        print_loops(results);
      }
      return;
    }
    options->label_delay = flags->label_delay;
    const ReplayResult result = run_replay(*options, *progress);
    if (terminal.json) {
      fmt::print("{}\n", to_json(result, *options).dump(2));
    } else {
      print(result, *options);
    }
  });
}

}  // namespace weir::cli

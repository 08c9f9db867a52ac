#include "cli/compare.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "cli/compare_online.h"
#include "core/evaluation/ranking.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "edge/files/decision_reader.h"
#include "edge/files/lake.h"
#include "edge/files/staged.h"
#include "edge/files/workers.h"

namespace weir::cli {
namespace {

using files::DecisionFile;
using files::DecisionRows;

/// One side's decisions on the shared payments.
struct Side {
  std::vector<std::uint8_t> touched;
  std::vector<std::uint8_t> executed;
  std::vector<std::uint8_t> action;
  std::vector<float> score;

  explicit Side(std::size_t rows) : touched(rows), executed(rows), action(rows), score(rows) {}

  void take(const DecisionFile& file, const DecisionRows& rows, std::size_t offset) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Action decided = rows.action[i];
      // Without a column the loop was open: nobody answers, so what is touched is not executed.
      const bool went_through =
          rows.executed.empty() ? decided == Action::kApprove : rows.executed[i] != 0;
      if (decided != Action::kChallenge && went_through != (decided == Action::kApprove)) {
        throw Error(fmt::format(
            "decisions \"{}\": payment {} is {} and yet {}executed; the file is not of one replay",
            file.location(), rows.transaction_id[i], action_name(decided),
            went_through ? "" : "not "));
      }
      if (std::isnan(rows.score[i])) {
        throw Error(fmt::format("decisions \"{}\": payment {} has no score", file.location(),
                                rows.transaction_id[i]));
      }
      action[offset + i] = static_cast<std::uint8_t>(decided);
      touched[offset + i] = decided != Action::kApprove;
      executed[offset + i] = went_through;
      score[offset + i] = rows.score[i];
    }
  }
};

struct Payments {
  std::vector<std::int64_t> transaction_id;
  std::vector<Seconds> event_time;
  std::vector<std::int64_t> customer_id;
  std::vector<std::int64_t> terminal_id;
  std::vector<std::int64_t> amount_minor;
  std::vector<std::int8_t> is_fraud;

  explicit Payments(std::size_t rows)
      : transaction_id(rows),
        event_time(rows),
        customer_id(rows),
        terminal_id(rows),
        amount_minor(rows),
        is_fraud(rows) {}

  Payment operator[](std::size_t row) const {
    return {transaction_id[row], event_time[row], customer_id[row], terminal_id[row],
            amount_minor[row]};
  }
};

Payment payment_of(const DecisionRows& rows, std::size_t i) {
  return {rows.transaction_id[i], rows.event_time[i], rows.customer_id[i], rows.terminal_id[i],
          rows.amount_minor[i]};
}

void read_champion(
    const DecisionFile& file, Payments& payments, Side& side, int threads, Progress& progress) {
  files::WorkerState state;
  files::for_each_index(file.groups(), threads, progress, state, [&](std::size_t group) {
    const DecisionRows rows = file.read(group);
    const auto offset = static_cast<std::ptrdiff_t>(file.offset(group));
    std::copy(rows.transaction_id.begin(), rows.transaction_id.end(),
              payments.transaction_id.begin() + offset);
    std::copy(rows.event_time.begin(), rows.event_time.end(), payments.event_time.begin() + offset);
    std::copy(rows.customer_id.begin(), rows.customer_id.end(),
              payments.customer_id.begin() + offset);
    std::copy(rows.terminal_id.begin(), rows.terminal_id.end(),
              payments.terminal_id.begin() + offset);
    std::copy(rows.amount_minor.begin(), rows.amount_minor.end(),
              payments.amount_minor.begin() + offset);
    std::copy(rows.is_fraud.begin(), rows.is_fraud.end(), payments.is_fraud.begin() + offset);
    side.take(file, rows, file.offset(group));
    state.done += rows.size();
  });
}

void read_challenger(const DecisionFile& file,
                     const DecisionFile& champion,
                     Payments& payments,
                     Side& side,
                     int threads,
                     Progress& progress) {
  files::WorkerState state;
  files::for_each_index(file.groups(), threads, progress, state, [&](std::size_t group) {
    const DecisionRows rows = file.read(group);
    const std::size_t offset = file.offset(group);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Payment here = payment_of(rows, i);
      const Payment there = payments[offset + i];
      if (here != there) {
        throw Error(fmt::format(
            "\"{}\" and \"{}\" are not of the same payments: row {} is payment {} at {} in the "
            "one and {} at {} in the other; replay both over one period of one lake",
            champion.location(), file.location(), offset + i + 1, there.transaction_id,
            format_datetime(there.event_time), here.transaction_id,
            format_datetime(here.event_time)));
      }
      if (rows.is_fraud.empty()) continue;
      if (champion.has_labels() && rows.is_fraud[i] != payments.is_fraud[offset + i]) {
        throw Error(
            fmt::format("\"{}\" and \"{}\" disagree whether payment {} was fraud; replay "
                        "both over one lake",
                        champion.location(), file.location(), here.transaction_id));
      }
      payments.is_fraud[offset + i] = rows.is_fraud[i];
    }
    side.take(file, rows, offset);
    state.done += rows.size();
  });
}

/// Labels of the payments from the lake that they were replayed from.
void read_labels(const CompareOptions& options, Payments& payments, Progress& progress) {
  const PaymentColumns lake =
      files::read_lake(options.lake, payments.event_time.front(), payments.event_time.back() + 1,
                       options.threads, progress);
  if (lake.is_fraud.empty()) {
    throw Error(fmt::format("lake \"{}\": has no labels, so nothing can be judged", options.lake));
  }
  // The decisions may begin or end inside a second.
  std::size_t row = 0;
  for (std::size_t i = 0; i < payments.transaction_id.size(); ++i, ++row) {
    while (i == 0 && row < lake.size() && lake.transaction_id[row] != payments.transaction_id[0]) {
      ++row;
    }
    if (row >= lake.size() || lake.view()[row] != payments[i]) {
      throw Error(
          fmt::format("lake \"{}\": payment {} of the decisions is not in its place; give "
                      "the lake that was replayed",
                      options.lake, payments.transaction_id[i]));
    }
    payments.is_fraud[i] = lake.is_fraud[row];
  }
}

void check_same_period(const DecisionFile& champion, const DecisionFile& challenger) {
  if (champion.rows() == challenger.rows()) return;
  const auto period = [](const DecisionFile& file) {
    return fmt::format("\"{}\" holds {} decisions from {} to {}", file.location(), file.rows(),
                       format_date(file.read(0).event_time.front()),
                       format_date(file.read(file.groups() - 1).event_time.back()));
  };
  throw Error(
      fmt::format("{}, {}; a comparison needs the same payments: replay both over one "
                  "period of one lake",
                  period(champion), period(challenger)));
}

LoopPayment decided(const Payments& payments, const Side& side, std::size_t row) {
  LoopPayment payment;
  payment.event_time = payments.event_time[row];
  payment.customer_id = payments.customer_id[row];
  payment.amount_minor = payments.amount_minor[row];
  payment.is_fraud = payments.is_fraud[row] != 0;
  payment.action = static_cast<Action>(side.action[row]);
  payment.executed = side.executed[row] != 0;
  return payment;
}

void judge(const Payments& payments,
           const Side& champion,
           const Side& challenger,
           const CompareOptions& options,
           Progress& progress,
           CompareResult& result) {
  const std::size_t rows = payments.event_time.size();
  std::array<double, 2> average_precision = {};
  std::array<std::vector<float>, 2> influence;
  files::WorkerState state;
  progress.begin("ranking", 0, "payments");
  files::for_each_index(2, options.threads, progress, state, [&](std::size_t which) {
    const Ranking ranking(which == 0 ? champion.score : challenger.score, payments.is_fraud);
    average_precision[which] = ranking.average_precision();
    influence[which] = ranking.average_precision_influence();
  });
  progress.end();
  const Seconds from = day_start(payments.event_time.front());
  const Seconds to = day_start(payments.event_time.back()) + kSecondsPerDay;
  result.champion = LoopOutcome(from, to);
  result.challenger = LoopOutcome(from, to);
  PairedClusters clusters;
  progress.begin("comparing", rows, "payments");
  for (std::size_t row = 0; row < rows; ++row) {
    if (row % 65'536 == 0) progress.update(row);
    result.champion.add(decided(payments, champion, row));
    result.challenger.add(decided(payments, challenger, row));
    ComparedPayment payment;
    payment.event_time = payments.event_time[row];
    payment.customer_id = payments.customer_id[row];
    payment.terminal_id = payments.terminal_id[row];
    payment.amount_minor = payments.amount_minor[row];
    payment.is_fraud = payments.is_fraud[row] != 0;
    payment.champion_touched = champion.touched[row] != 0;
    payment.champion_executed = champion.executed[row] != 0;
    payment.challenger_touched = challenger.touched[row] != 0;
    payment.challenger_executed = challenger.executed[row] != 0;
    payment.ranking_influence =
        static_cast<double>(influence[1][row]) - static_cast<double>(influence[0][row]);
    clusters.add(payment);
  }
  progress.update(rows);
  progress.end();
  result.payments = clusters.payments();
  result.frauds = clusters.frauds();
  result.differing = clusters.differing();
  progress.begin("drawing", 0, "samples");
  result.comparison = compare_paired(clusters, average_precision[0], average_precision[1],
                                     result.champion.days(), options.comparison);
  progress.end();
}

void print(const CompareResult& result, const CompareOptions& options) {
  const Comparison& comparison = result.comparison;
  fmt::print("verdict             {}\n  {}\n", verdict_name(comparison.verdict), comparison.reason);
  if (comparison.verdict == Verdict::kInconclusive) {
    fmt::print("  needed to decide: {} (the period has {:.0f})\n",
               days_needed_text(comparison.days_needed), comparison.days);
  }
  fmt::print("\n{:<20}{:>14}{:>14}{:>14}   {:<28}{}\n", "", "champion", "challenger", "difference",
             "90 % interval", "drawn by");
  for (std::size_t i = 0; i < kClusterMeasures; ++i) {
    const auto which = static_cast<ComparedMeasure>(i);
    const MeasureComparison& measure = comparison.measures[i];
    const ClusteredInterval& decisive = measure.decisive();
    fmt::print("{:<20}{:>14}{:>14}{:>14}   {:<28}{}\n", compared_measure_name(which),
               compared_value(which, measure.champion), compared_value(which, measure.challenger),
               compared_difference(which, measure.difference()),
               fmt::format("{} to {}", compared_difference(which, decisive.interval.low),
                           compared_difference(which, decisive.interval.high)),
               cluster_kind_name(decisive.kind));
  }
  fmt::print(
      "\npayments            {:>14}\n  frauds            {:>14}\n  decided otherwise {:>14}\n",
      result.payments, result.frauds, result.differing);
  fmt::print("report              {}/comparison.html\n", options.out);
}

}  // namespace

CompareResult run_compare(const CompareOptions& options, Progress& progress) {
  const DecisionFile champion_file(options.champion);
  const DecisionFile challenger_file(options.challenger);
  check_same_period(champion_file, challenger_file);
  const bool labelled = champion_file.has_labels() || challenger_file.has_labels();
  if (!labelled && options.lake.empty()) {
    throw Error(
        fmt::format("\"{}\" and \"{}\" hold no labels (is_fraud); give the lake that was "
                    "replayed with --lake",
                    options.champion, options.challenger));
  }
  const std::size_t rows = champion_file.rows();
  if (rows >= std::numeric_limits<std::uint32_t>::max()) {
    throw Error(
        fmt::format("{} decisions are too many for one comparison; replay a shorter period", rows));
  }
  Payments payments(rows);
  Side champion(rows);
  Side challenger(rows);
  progress.begin("reading", 2 * rows, "decisions");
  read_champion(champion_file, payments, champion, options.threads, progress);
  read_challenger(challenger_file, champion_file, payments, challenger, options.threads, progress);
  progress.end();
  if (!std::is_sorted(payments.event_time.begin(), payments.event_time.end())) {
    throw Error(fmt::format("decisions \"{}\": not sorted by event_time, as a replay writes them",
                            options.champion));
  }
  if (!labelled) read_labels(options, payments, progress);
  payments.transaction_id = {};  // Checked, and eight bytes a payment.
  CompareResult result;
  result.champion_version = champion_file.metadata("model_version");
  result.challenger_version = challenger_file.metadata("model_version");
  judge(payments, champion, challenger, options, progress, result);
  std::filesystem::create_directories(options.out);
  const std::filesystem::path out(options.out);
  files::write_text(out / "comparison.json", comparison_json(result, options) + "\n");
  files::write_text(out / "comparison.html", comparison_page(result, options));
  return result;
}

void add_compare_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command = add_command(
      weir, terminal, "compare",
      "Champion against challenger on the same payments: promote, keep or inconclusive",
      "weir compare champion.parquet challenger.parquet --lake out/run/lake --out out/compare");
  auto options = std::make_shared<CompareOptions>();
  auto online = std::make_shared<OnlineCompareOptions>();
  ComparisonOptions& comparison = options->comparison;
  command
      ->add_option("champion", options->champion,
                   "Decisions of weir replay (Parquet); with --journal a bundle")
      ->required();
  command
      ->add_option("challenger", options->challenger,
                   "Decisions of the other model or policy on the same payments")
      ->required();
  command->add_option("--journal", online->journal,
                      "Compare two bundles online: the journal of the service that splits its "
                      "customers between them");
  command
      ->add_option("--days", online->trial.planned_days,
                   "With --journal: when a verdict is wanted; looks may come at any time")
      ->check(CLI::Range(1, 1000));
  command
      ->add_option("--longest", online->trial.longest_days,
                   "With --journal: days with known labels after which the champion is kept")
      ->check(CLI::Range(1, 1000));
  command->add_option("--lake", options->lake,
                      "Lake that was replayed, for the labels where the decisions hold none");
  command->add_option("--out", options->out, "Folder of comparison.html and comparison.json");
  command
      ->add_option("--relevant-gain", comparison.relevant_gain,
                   "Gain worth a change, as a share of the champion's damage")
      ->check(CLI::Range(1e-6, 1.0));
  command
      ->add_option("--fpr-margin", comparison.false_positive_margin,
                   "Rise of the FPR that still counts as no worse")
      ->check(CLI::Range(0.0, 1.0));
  command
      ->add_option("--ap-margin", comparison.average_precision_margin,
                   "Fall of average precision that still counts as no worse")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--bootstrap", comparison.samples, "Bootstrap samples")
      ->check(CLI::Range(100, 1'000'000));
  command->add_option("--seed", comparison.seed, "Of the bootstrap");
  command->add_option("--threads", options->threads, "Threads; 0 = all cores");
  command->callback([options, online, &terminal] {
    const auto progress = terminal.make_progress();
    if (!online->journal.empty()) {
      online->champion = options->champion;
      online->challenger = options->challenger;
      online->trial.relevant_gain = options->comparison.relevant_gain;
      online->trial.genuine_margin = options->comparison.false_positive_margin;
      return print_trial(run_online_compare(*online, *progress), terminal);
    }
    const CompareResult result = run_compare(*options, *progress);
    if (terminal.json) {
      fmt::print("{}\n", comparison_json(result, *options));
    } else {
      print(result, *options);
    }
  });
}

}  // namespace weir::cli

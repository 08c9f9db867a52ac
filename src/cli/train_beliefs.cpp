#include "cli/train_beliefs.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>

#include "cli/features.h"
#include "cli/scoring.h"
#include "core/beliefs/answer_estimate.h"
#include "core/beliefs/duration_estimate.h"
#include "core/beliefs/estimation.h"
#include "core/model/training_reference.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/hash.h"
#include "edge/files/feedback_table.h"
#include "edge/files/lake.h"
#include "edge/files/workers.h"
#include "edge/registry/bundle_folder.h"

namespace weir::cli {
namespace {

constexpr int kMostRounds = 60;
constexpr std::size_t kKeyParts = 64;  // Of one estimation, whatever the number of threads.
constexpr float kCompromised = 0.5F;
constexpr std::size_t kTableRows = 3'000'000;
constexpr std::size_t kCalibrationRows = 4'000'000;
constexpr std::size_t kChunkRows = 1 << 16;

/// Rounds until the rates settle; writes the posterior of each row to `compromised`. `durations`:
/// how long compromises last, too; only of keys busy enough to show when theirs begin and end.
ChainRates estimate(std::string_view what,
                    const PaymentView& payments,
                    std::span<const std::int64_t> ids,
                    std::span<const std::uint8_t> ignored,
                    std::span<float> compromised,
                    bool durations,
                    int threads,
                    Progress& progress) {
  const KeySequences sequences = group_by_key(ids);
  ChainEstimator estimator(sequences, payments.event_time, payments.is_fraud, ignored);
  const std::size_t parts = std::min(kKeyParts, sequences.keys());
  const auto round = [&](std::span<float> posterior) {
    std::vector<ChainCounts> counts(parts);
    files::WorkerState state;
    files::for_each_index(parts, threads, progress, state, [&](std::size_t part) {
      counts[part] = estimator.expect(sequences.keys() * part / parts,
                                      sequences.keys() * (part + 1) / parts, posterior);
    });
    ChainCounts sum;
    for (const ChainCounts& one : counts) sum.add(one);
    return sum;
  };
  progress.begin(fmt::format("estimating {}", what), 0, "rounds");
  for (int i = 0; i < kMostRounds; ++i) {
    const bool settled = estimator.improve(round({}));
    progress.update(static_cast<std::uint64_t>(i) + 1);
    if (settled) break;
  }
  const bool seen = estimator.sees_compromises();
  if (!seen) estimator.assume_none_seen();
  round(compromised);
  progress.end();
  ChainRates rates = estimator.rates();
  if (durations && seen) {
    rates.durations = estimate_durations(sequences, payments.event_time, compromised, rates);
  }
  return rates;
}

/// Which rows the model learns from: none of a compromised terminal, every fraud, and one in
/// `sample` of the rest.
bool is_learned_from(const PaymentView& payments, std::size_t row, std::uint64_t sample) {
  return payments.is_fraud[row] != 0 ||
         mix64(static_cast<std::uint64_t>(payments.transaction_id[row])) % sample == 0;
}

/// Features of the rows that `wanted` names, ascending; streamed, so that only those are held.
FeatureMatrix features_of_rows(const PaymentView& payments,
                               const FeatureSpec& spec,
                               std::span<const std::uint32_t> wanted,
                               int threads,
                               Progress& progress) {
  FeatureBatch batch(payments, spec, 0);
  FeatureMatrix features(wanted.size(), spec.size());
  progress.begin("features", payments.size() * batch.part_count(), "payments");
  files::WorkerState state;
  files::for_each_index(batch.part_count(), threads, progress, state, [&](std::size_t part) {
    std::vector<float> chunk(kChunkRows * spec.size());
    std::vector<float*> columns;
    for (std::size_t i = 0; i < spec.size(); ++i) columns.push_back(chunk.data() + i * kChunkRows);
    // No feature is NaN: a column that still is belongs to another part.
    std::size_t next = 0;
    for (std::size_t begin = 0; begin < payments.size() && !state.stop; begin += kChunkRows) {
      const std::size_t end = std::min(payments.size(), begin + kChunkRows);
      if (begin == 0) std::fill(chunk.begin(), chunk.end(), std::nanf(""));
      batch.compute(part, begin, end, columns);
      for (; next < wanted.size() && wanted[next] < end; ++next) {
        for (std::size_t i = 0; i < spec.size(); ++i) {
          const float value = columns[i][wanted[next] - begin];
          if (!std::isnan(columns[i][0])) features.column(i)[next] = value;
        }
      }
      state.done += end - begin;
    }
  });
  progress.update(state.done);
  progress.end();
  return features;
}

/// Of the card frauds in each step of margins (equally many in each), the share whose card was
/// taken over, by the smoothed posterior.
TakeoverShares takeover_shares(const BeliefRates& rates,
                               const PaymentView& payments,
                               std::span<const std::uint32_t> rows,
                               std::span<const float> margins,
                               std::span<const float> compromised) {
  constexpr std::size_t kSteps = 16;
  constexpr std::size_t kLeastFrauds = 20;      // A step.
  std::vector<std::pair<float, float>> frauds;  // Margin, posterior.
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (payments.is_fraud[rows[i]] != 0) frauds.emplace_back(margins[i], compromised[rows[i]]);
  }
  std::sort(frauds.begin(), frauds.end());
  const double prior = rates.takeover_at(0);  // The same for all as long as there are no shares.
  const std::size_t steps = std::min(kSteps, frauds.size() / kLeastFrauds);
  TakeoverShares shares;
  for (std::size_t step = 0; step < steps; ++step) {
    const std::size_t begin = frauds.size() * step / steps;
    const std::size_t end = frauds.size() * (step + 1) / steps;
    double sum = prior;  // As if one more had been seen.
    for (std::size_t i = begin; i < end; ++i) sum += frauds[i].second;
    if (step > 0) shares.margins.push_back(frauds[begin].first);
    shares.shares.push_back(std::clamp(sum / static_cast<double>(end - begin + 1), 1e-3, 1 - 1e-3));
  }
  return shares;
}

/// Of chains whose rates are assumed, not estimated: nothing bounds their share of frauds.
std::string unseen_note(const BeliefRates& rates) {
  std::string note;
  for (const auto& [name, chain] :
       {std::pair{"terminals", &rates.terminal}, std::pair{"customers", &rates.customer}}) {
    if (chain->compromised_fraud.low > 0 || chain->compromised_fraud.high < 1) continue;
    note += fmt::format(
        "History shows no compromise of {}: their rates are assumed (rare, some days long, mostly "
        "fraud). Train again when there has been one.\n\n",
        name);
  }
  return note;
}

std::string card_section(const BeliefRates& rates, std::int64_t sample, std::uint64_t left_out) {
  const auto row = [](std::string_view name, const Estimate& estimate) {
    return fmt::format("| {} | {:.6g} | {:.6g} to {:.6g} |\n", name, estimate.value, estimate.low,
                       estimate.high);
  };
  return fmt::format(
             "\n## Beliefs\n\n"
             "The figures above are of the model alone, which sees no outcome, on payments of "
             "terminals that the labels call sound ({} payments of others were left out, and one "
             "in {} genuine ones kept). At decision time beliefs about the terminal and the "
             "customer are added (`beliefs.toml`), and expected roubles decide (`policy.toml`).\n\n"
             "{}"
             "| rate, a day or a share | value | 95 % interval |\n|---|---:|---|\n",
             left_out, sample, unseen_note(rates)) +
         row("terminal: compromises", rates.terminal.starts_per_day) +
         row("terminal: ends", rates.terminal.ends_per_day) +
         row("terminal: fraud while compromised", rates.terminal.compromised_fraud) +
         row("terminal: fraud while sound", rates.terminal.sound_fraud) +
         row("customer: take-overs", rates.customer.starts_per_day) +
         row("customer: ends", rates.customer.ends_per_day) +
         row("customer: fraud while taken over", rates.customer.compromised_fraud) +
         row("customer: fraud while sound", rates.customer.sound_fraud) +
         row("challenges answered", rates.answers.answered) +
         row("frauds that pass a challenge", rates.answers.fraud_passes) +
         row("genuine payments denied", rates.answers.wrong_denial);
}

}  // namespace

void add_policy_options(CLI::App& command, MoneyPolicy& policy, AnswerRates& answers) {
  command.add_option("--challenge-cost", policy.challenge_cost, "Roubles for asking a cardholder");
  command.add_option("--lost-genuine-cost", policy.lost_genuine_cost,
                     "Roubles for a genuine payment that is not executed");
  command.add_option("--review-cost", policy.review_cost, "Roubles for an analyst's look");
  command.add_option("--takeover-worth", policy.takeover_worth,
                     "Roubles that knowing of a taken-over card saves later");
  command.add_option("--touch-budget", policy.false_positive_rate,
                     "Share of genuine payments that may be challenged or declined");
  command.add_option("--lost-budget", policy.lost_genuine_rate,
                     "Share of genuine payments that may be lost");
  command.add_option("--challenge-budget", policy.challenges_per_day, "Challenges a day at most");
  command.add_option("--answered", answers.answered.value, "Share of cardholders who answer");
  command.add_option("--fraud-passes", answers.fraud_passes.value,
                     "Share of frauds that pass a challenge");
  command.add_option("--wrong-denial", answers.wrong_denial.value,
                     "Share of genuine payments that their cardholder denies");
}

TrainResult run_train_beliefs(const TrainOptions& options,
                              const BeliefOptions& beliefs,
                              Progress& progress) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  training::TrainingSettings settings = options.settings;
  settings.threads = files::thread_count(settings.threads);
  const FeatureSpec spec = load_feature_spec(beliefs.spec);
  if (spec.needs_outcomes()) {
    throw UsageError(fmt::format(
        "--spec {} looks at outcomes, which the beliefs add; use \"card\" or another spec without "
        "known_fraud_count, risk and the like",
        beliefs.spec));
  }
  try {
    MoneyPolicy::parse(beliefs.policy.to_toml(), "flags");
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
  const PaymentColumns columns =
      files::read_lake(options.input, std::nullopt, settings.valid_to, settings.threads, progress);
  const PaymentView payments = columns.view();
  if (!payments.has_labels()) {
    throw Error(
        fmt::format("lake \"{}\": has no labels; train on labelled payments", options.input));
  }

  BeliefRates rates;
  rates.answers = beliefs.answers;
  std::vector<float> compromised(payments.size());
  rates.terminal = estimate("terminals", payments, payments.terminal_id, {}, compromised, true,
                            settings.threads, progress);
  std::vector<std::uint8_t> terminal_bad(payments.size());
  for (std::size_t row = 0; row < payments.size(); ++row) {
    terminal_bad[row] = compromised[row] >= kCompromised;
  }
  // From here on P(taken over) of the customer.
  rates.customer = estimate("customers", payments, payments.customer_id, terminal_bad, compromised,
                            false, settings.threads, progress);

  if (!beliefs.feedback.empty()) {
    const std::vector<Feedback> feedback = files::read_feedback(beliefs.feedback);
    Seconds until = 0;
    for (const Feedback& one : feedback) until = std::max(until, one.known_at + 1);
    // Nothing that became known after the labels that the rest is learnt from.
    if (settings.valid_to) until = std::min(until, *settings.valid_to + beliefs.label_delay);
    rates.answers = estimate_answers(feedback, rates, beliefs.label_delay, until).rates;
  }
  const auto sample = static_cast<std::uint64_t>(
      beliefs.genuine_sample > 0 ? beliefs.genuine_sample
                                 : static_cast<std::int64_t>(1 + payments.size() / kTableRows));
  std::vector<std::uint32_t> wanted;
  std::uint64_t left_out = 0;
  for (std::uint32_t row = 0; row < payments.size(); ++row) {
    left_out += terminal_bad[row];
    if (terminal_bad[row] == 0 && is_learned_from(payments, row, sample)) wanted.push_back(row);
  }
  files::FeatureTable table{spec, beliefs.label_delay, {}, {}};
  for (const std::uint32_t row : wanted) {
    table.payments.push_back(payments[row], {payments.is_fraud[row], 0});
  }
  table.features = features_of_rows(payments, spec, wanted, settings.threads, progress);
  training::TrainingResult trained = training::train(table.payments.view(), table.features, spec,
                                                     beliefs.label_delay, settings, progress);

  const Scorer scorer(Forest::parse_ubj(trained.bundle.forest_ubj, "forest.ubj"));
  const std::vector<float> learned_margins =
      score_rows(scorer, table.features, 0, table.features.rows(), settings.threads, progress);
  rates.takeover = takeover_shares(rates, payments, wanted, learned_margins, compromised);

  // The calibration is of all payments of the validation period, not of the sample.
  const BundlePeriod& validation = trained.bundle.manifest.validation;
  const auto first = static_cast<std::size_t>(
      std::lower_bound(payments.event_time.begin(), payments.event_time.end(), validation.from) -
      payments.event_time.begin());
  std::vector<std::uint32_t> judged;
  for (std::size_t row = payments.size(); row-- > first && judged.size() < kCalibrationRows;) {
    if (terminal_bad[row] == 0) judged.push_back(static_cast<std::uint32_t>(row));
  }
  std::reverse(judged.begin(), judged.end());
  const FeatureMatrix features =
      features_of_rows(payments, spec, judged, settings.threads, progress);
  const std::vector<float> margins =
      score_rows(scorer, features, 0, features.rows(), settings.threads, progress);
  std::vector<std::int8_t> labels;
  labels.reserve(judged.size());
  for (const std::uint32_t row : judged) labels.push_back(payments.is_fraud[row]);
  trained.bundle.calibration = Calibration::fit(margins, labels);
  trained.bundle.reference_json =
      make_reference(spec, features, 0, features.rows(), margins).to_json();
  trained.bundle.beliefs_toml = rates.to_toml();
  trained.bundle.policy_toml = beliefs.policy.to_toml();
  trained.bundle.card += card_section(rates, static_cast<std::int64_t>(sample), left_out);
  trained.bundle.manifest.libraries["weir"] = WEIR_VERSION;
  TrainResult result{std::move(trained), "", 0};
  result.version = registry::save_bundle(result.training.bundle, options.out);
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return result;
}

}  // namespace weir::cli

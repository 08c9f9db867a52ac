#include "cli/loop_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <span>

#include "core/evaluation/damage_spread.h"
#include "core/evaluation/floor.h"
#include "core/evaluation/ranking.h"
#include "core/features/feature_batch.h"
#include "core/model/scorer.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "edge/files/lake.h"
#include "edge/files/workers.h"

namespace weir::cli {
namespace {

constexpr std::size_t kBlock = 1 << 18;
constexpr std::size_t kRowsAtOnce = 256;
constexpr double kMonthDays = 30;
constexpr double kKopecks = 100;
/// Of a lake that is read at a time, beside the windows and labels that reach back.
constexpr Seconds kSegment = 12 * kSecondsPerDay;

/// Model scores of a block of rows.
struct ScoredBlock {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::vector<ModelScore> scores;
};

/// One scenario with what it adds up.
struct Running {
  Running(const LoopScenario& given,
          Seconds loop_from,
          Seconds from,
          Seconds to,
          std::span<const TruthWindow> truth,
          const ModelScore& base)
      : scenario(given),
        loop(given.rates, given.policy, given.feedback, loop_from),
        outcome(from, to),
        loss(from, LossBudget{}),
        episodes(truth, given.feedback.answer_delay),
        base_rate(base) {
    if (!given.closed && !truth.empty()) floor.emplace(truth, given.feedback.label_delay);
  }

  LoopScenario scenario;
  std::optional<FloorScan> floor;  // Without the loop and with the truth.
  ClosedLoop loop;
  LoopOutcome outcome;
  LossRecord loss;
  DamageSpread spread;
  EpisodeOutcomes episodes;
  ModelScore base_rate;  // Of every payment, where the model has no say.
  std::vector<float> scores;
  std::vector<ReplayedPayment> block;  // Of the measured payments; for the sink.
  std::vector<Feedback> heard;         // The same, for the feedback's.
};

/// A stretch of the lake in memory: [from, to) with what reaches back before it.
class Segment {
 public:
  Segment(const Bundle& bundle, PaymentColumns columns, Seconds from, std::uint64_t base)
      : columns_(std::move(columns)), payments_(columns_.view()), base_(base) {
    first_ = static_cast<std::size_t>(
        std::lower_bound(payments_.event_time.begin(), payments_.event_time.end(), from) -
        payments_.event_time.begin());
    batch_.emplace(payments_, bundle.features, 0);
    for (std::size_t part = 0; part < batch_->part_count(); ++part) {
      if (first_ > 0) batch_->compute(part, 0, first_, {});
    }
    next_ = first_;
    columns_count_ = bundle.features.size();
  }

  const PaymentView& payments() const { return payments_; }
  std::uint64_t base() const { return base_; }
  std::size_t first() const { return first_; }
  bool done() const { return next_ == payments_.size(); }

  /// Features and scores of the next block.
  ScoredBlock next(const Scorer& scorer, const Calibration& calibration) {
    ScoredBlock block;
    block.begin = next_;
    block.end = std::min(payments_.size(), next_ + kBlock);
    const std::size_t size = block.end - block.begin;
    values_.resize(kBlock * columns_count_);
    std::vector<float*> columns;
    for (std::size_t i = 0; i < columns_count_; ++i) columns.push_back(&values_[i * kBlock]);
    for (std::size_t part = 0; part < batch_->part_count(); ++part) {
      batch_->compute(part, block.begin, block.end, columns);
    }
    block.scores.resize(size);
    rows_.resize(kRowsAtOnce * columns_count_);
    std::vector<float> margins(kRowsAtOnce);
    for (std::size_t row = 0; row < size; row += kRowsAtOnce) {
      const std::size_t count = std::min(kRowsAtOnce, size - row);
      for (std::size_t i = 0; i < columns_count_; ++i) {
        for (std::size_t k = 0; k < count; ++k) rows_[k * columns_count_ + i] = columns[i][row + k];
      }
      scorer.margins(rows_.data(), count, margins.data());
      for (std::size_t k = 0; k < count; ++k) {
        block.scores[row + k] = {margins[k], calibration.probability(margins[k])};
      }
    }
    next_ = block.end;
    return block;
  }

 private:
  PaymentColumns columns_;
  PaymentView payments_;
  std::uint64_t base_;
  std::size_t first_ = 0;
  std::size_t next_ = 0;
  std::size_t columns_count_ = 0;
  std::optional<FeatureBatch> batch_;
  std::vector<float> values_;
  std::vector<float> rows_;
};

void run_block(Running& running,
               const Segment& segment,
               const ScoredBlock& block,
               Seconds from,
               bool keep_scores,
               bool keep_decisions) {
  const PaymentView& payments = segment.payments();
  running.block.clear();
  for (std::size_t row = block.begin; row < block.end; ++row) {
    const ReplayedPayment replayed = running.loop.step(
        payments, row, segment.base(),
        running.scenario.model ? block.scores[row - block.begin] : running.base_rate);
    const bool measured = payments.event_time[row] >= from;
    if (running.floor && !payments.fraud_scenario.empty()) {
      running.floor->add(payments, row, measured);
    }
    if (!measured) continue;
    const bool fraud = payments.is_fraud[row] != 0;
    const std::int8_t scenario =
        payments.fraud_scenario.empty() ? std::int8_t{0} : payments.fraud_scenario[row];
    const LoopPayment done{payments.event_time[row],
                           payments.customer_id[row],
                           payments.amount_minor[row],
                           fraud,
                           scenario,
                           replayed.decision.action,
                           replayed.executed,
                           replayed.decision.review};
    running.outcome.add(done);
    running.episodes.add(done, payments.terminal_id[row]);
    if (replayed.executed) {
      const bool confirmed = replayed.decision.action == Action::kChallenge;
      const double passes = running.loop.loop().beliefs().rates().answers.fraud_passes.value;
      running.loss.expect(done.event_time, done.amount_minor,
                          replayed.decision.probability * (confirmed ? passes : 1));
      if (fraud) {
        running.loss.confirm(done.event_time, done.amount_minor);
        running.spread.add(done.customer_id, payments.terminal_id[row], done.amount_minor);
      }
    }
    if (keep_scores) running.scores.push_back(replayed.decision.score);
    if (keep_decisions) running.block.push_back(replayed);
  }
}

/// The share of frauds among the payments that the model was calibrated on, as a score.
ModelScore base_rate_of(const Bundle& bundle) {
  const BundlePeriod& period = bundle.manifest.validation;
  if (period.rows == 0) return {};
  const double share = static_cast<double>(period.frauds) / static_cast<double>(period.rows);
  return {static_cast<float>(std::log(share / (1 - share))), share};
}

/// How far back the rows of a segment must reach.
Seconds reach_of(const Bundle& bundle, const std::vector<LoopScenario>& scenarios) {
  Seconds reach = 0;
  for (const FeatureInput& input : bundle.features.inputs()) {
    reach = std::max(reach, input.window + input.delay);
  }
  for (const LoopScenario& scenario : scenarios) {
    reach = std::max(reach, scenario.feedback.label_delay);
  }
  return reach + 1;
}

}  // namespace

LoopScenario scenario_of(const Bundle& bundle) {
  if (bundle.beliefs_toml.empty()) {
    throw Error(fmt::format(
        "bundle {}: has no beliefs, so no loop can be closed; train one with weir train --beliefs",
        bundle.manifest.version));
  }
  LoopScenario scenario;
  const std::string& version = bundle.manifest.version;
  scenario.rates = BeliefRates::parse(bundle.beliefs_toml, version + "/beliefs.toml");
  scenario.policy = MoneyPolicy::parse(bundle.policy_toml, version + "/policy.toml");
  scenario.feedback.label_delay = bundle.manifest.label_delay;
  scenario.feedback.answered = scenario.rates.answers.answered.value;
  scenario.feedback.fraud_passes = scenario.rates.answers.fraud_passes.value;
  scenario.feedback.wrong_denial = scenario.rates.answers.wrong_denial.value;
  return scenario;
}

std::vector<LoopResult> replay_loops(const Bundle& bundle,
                                     const LoopReplayOptions& options,
                                     const std::vector<LoopScenario>& scenarios,
                                     const ReplayedSink& sink,
                                     Progress& progress) {
  WEIR_CHECK(!scenarios.empty());
  const Scorer scorer(Forest::parse_ubj(bundle.forest_ubj, "forest.ubj"));
  const auto [lake_from, lake_to] = files::lake_period(options.lake);
  const Seconds from = options.from.value_or(lake_from);
  const Seconds to = std::min(options.to.value_or(lake_to), lake_to);
  if (from >= to) {
    throw Error(fmt::format("lake \"{}\": has payments from {} to {}, nothing from {} on",
                            options.lake, format_date(lake_from), format_date(lake_to),
                            format_date(from)));
  }
  std::vector<std::unique_ptr<Running>> runs;
  for (const LoopScenario& scenario : scenarios) {
    runs.push_back(std::make_unique<Running>(scenario, scenario.closed ? from - options.run_in : to,
                                             from, to, options.truth, base_rate_of(bundle)));
  }
  if (options.heard) runs[0]->loop.keep_heard(&runs[0]->heard);
  const Seconds reach = reach_of(bundle, scenarios);
  const int threads = files::thread_count(options.threads);
  std::uint64_t stepped = 0;
  std::vector<std::int8_t> labels;
  std::vector<std::int64_t> amounts;
  for (Seconds begin = lake_from; begin < to; begin += kSegment) {
    const Seconds end = std::min(to, begin + kSegment);
    PaymentColumns columns =
        files::read_lake(options.lake, std::max(lake_from, begin - reach), end, threads, progress);
    if (columns.view().has_labels() == false) {
      throw Error(
          fmt::format("lake \"{}\": has no labels, so nobody could answer a challenge; replay "
                      "labelled payments",
                      options.lake));
    }
    const auto history = static_cast<std::size_t>(
        std::lower_bound(columns.event_time.begin(), columns.event_time.end(), begin) -
        columns.event_time.begin());
    Segment segment(bundle, std::move(columns), begin, stepped - history);
    const PaymentView& payments = segment.payments();
    for (std::size_t row = segment.first(); row < payments.size(); ++row) {
      if (payments.event_time[row] < from) continue;
      labels.push_back(payments.is_fraud[row]);
      amounts.push_back(payments.amount_minor[row]);
    }
    progress.begin(fmt::format("replaying from {}", format_date(begin)),
                   payments.size() - segment.first(), "payments");
    ScoredBlock block = segment.next(scorer, bundle.calibration);
    while (true) {
      // The next block is scored while the scenarios go through this one: no decision reaches back
      // into features or model.
      ScoredBlock ahead;
      files::WorkerState state;
      state.done = block.begin - segment.first();
      const bool last = segment.done();
      files::for_each_index(runs.size() + 1, threads, progress, state, [&](std::size_t index) {
        if (index == 0) {
          if (!last) ahead = segment.next(scorer, bundle.calibration);
          return;
        }
        run_block(*runs[index - 1], segment, block, from, options.keep_scores,
                  index == 1 && sink != nullptr);
      });
      if (!runs[0]->heard.empty()) {
        options.heard(runs[0]->heard);
        runs[0]->heard.clear();
      }
      if (sink && !runs[0]->block.empty()) {
        sink(payments.slice(block.end - runs[0]->block.size(), block.end), runs[0]->block);
      }
      progress.update(block.end - segment.first());
      if (last) break;
      block = std::move(ahead);
    }
    progress.end();
    stepped += payments.size() - segment.first();
  }
  std::vector<LoopResult> results;
  for (const auto& running : runs) {
    LoopResult result{running->scenario, running->outcome, 0, 0, {}, {}, 1, {}, {}, {}};
    const Interval minor = running->spread.interval_minor(running->outcome.total().damage_minor);
    const double monthly = kMonthDays / running->outcome.days() / kKopecks;
    result.damage_interval = {minor.low * monthly, minor.high * monthly};
    result.budget = running->loss.state(to, 0);
    result.episodes = running->episodes.outcomes();
    result.last_multiplier = running->loop.loop().multiplier();
    if (running->floor) {
      const Floor floor = std::move(*running->floor).finish();
      if (floor.frauds > 0) {
        result.best_open = {floor.false_negative_rate_at(kOpenLoopFalsePositiveRate),
                            compute_ceiling(floor, kOpenLoopFalsePositiveRate).average_precision};
      }
    }
    if (options.keep_scores) {
      const Ranking ranking(running->scores, labels);
      result.average_precision = ranking.average_precision();
      result.roc_auc = ranking.roc_auc();
      if (!running->scenario.closed) {
        PaymentView view;
        view.is_fraud = labels;
        view.amount_minor = amounts;
        const float threshold =
            ranking.threshold_at_false_positive_rate(kOpenLoopFalsePositiveRate);
        for (std::size_t i = 0; i < labels.size(); ++i) {
          result.open.add(labels[i] != 0, running->scores[i] >= threshold, amounts[i]);
        }
      }
      running->scores = {};
    }
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace weir::cli

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/beliefs/rates.h"
#include "core/decision/money_policy.h"
#include "core/evaluation/bootstrap.h"
#include "core/evaluation/episode_outcome.h"
#include "core/evaluation/loop_outcome.h"
#include "core/evaluation/loss_budget.h"
#include "core/evaluation/operating_point.h"
#include "core/model/bundle.h"
#include "core/replay/closed_loop.h"
#include "core/transaction/progress.h"

namespace weir::cli {

/// One way to run the same period: a policy in a world.
struct LoopScenario {
  std::string name = "loop";
  FeedbackSettings feedback;
  MoneyPolicy policy;
  BeliefRates rates;
  /// Without the loop nobody is asked or stopped, and every payment is labelled: what a score that
  /// waits for chargebacks can do. Its figures are those of flagging the highest scores.
  bool closed = true;
  /// False: every payment gets the validation period's share of frauds as its score. To see what
  /// the beliefs do alone.
  bool model = true;
};

struct LoopResult {
  LoopScenario scenario;
  LoopOutcome outcome;
  double average_precision = 0;  ///< Of the scores as they stood at each decision.
  double roc_auc = 0;
  /// Without the loop: flagging the highest scores, at 5 % of the genuine payments.
  OperatingPoint open;
  /// Without the loop, with the truth at hand: what no score that waits for chargebacks gets past.
  struct Best {
    double false_negative_rate = 0;  ///< At the same share of genuine payments flagged.
    double average_precision = 0;    ///< Expected; luck can lift it a little, see Ceiling.
  };
  std::optional<Best> best_open;
  double last_multiplier = 1;            ///< Of the budgets' controller.
  Interval damage_interval;              ///< 90 %, roubles in 30 days; see DamageSpread.
  BudgetState budget;                    ///< At the period's end.
  std::vector<EpisodeOutcome> episodes;  ///< With the truth at hand.
};

/// Gets the answers and chargebacks that the first scenario's policy was told, in the order of
/// their release.
using FeedbackSink = std::function<void(const std::vector<Feedback>&)>;

struct LoopReplayOptions {
  std::string lake;
  std::optional<Seconds> from;  ///< The measured period.
  std::optional<Seconds> to;
  Seconds run_in = 2 * kSecondsPerDay;  ///< The loop is closed this long before it.
  int threads = 0;
  std::vector<TruthWindow> truth;  ///< For episodes and the floor; empty: neither.
  bool keep_scores = true;         ///< For average_precision; costs 5 bytes a payment and scenario.
  FeedbackSink heard = nullptr;    ///< Of the first scenario.
};

/// Gets the measured payments of the first scenario in order, block by block.
using ReplayedSink = std::function<void(const PaymentView&, const std::vector<ReplayedPayment>&)>;

/// The share of genuine payments that an open loop flags.
inline constexpr double kOpenLoopFalsePositiveRate = 0.05;

/// Runs all scenarios over the lake in one pass: features and model are the same for all of them,
/// since the model's inputs know no outcome. Payments before the measured period fill windows and
/// beliefs. Needs about 4 GB at 1.5 million payments a day, and 0.5 GB more a scenario. The bundle
/// must have beliefs; throws Error otherwise.
std::vector<LoopResult> replay_loops(const Bundle& bundle,
                                     const LoopReplayOptions& options,
                                     const std::vector<LoopScenario>& scenarios,
                                     const ReplayedSink& sink,
                                     Progress& progress);

/// The scenario that the bundle itself describes.
LoopScenario scenario_of(const Bundle& bundle);

}  // namespace weir::cli

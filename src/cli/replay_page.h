#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/evaluation/bootstrap.h"
#include "core/evaluation/episode_outcome.h"
#include "core/evaluation/loop_outcome.h"
#include "core/evaluation/loss_budget.h"

namespace weir::cli {

/// One setting of the policy: what it lets through and what it costs the genuine.
struct FrontierPoint {
  std::string name;
  double damage_roubles_per_month = 0;
  double false_positive_rate = 0;
  double challenges_per_customer_month = 0;
};

/// Another way to run the same period, shown beside the result.
struct ReplayReference {
  std::string name;  ///< `no loop, labels after 7d`
  std::optional<double> damage_roubles_per_month;
  std::optional<double> false_positive_rate;
  std::optional<double> false_negative_rate;
  std::optional<double> average_precision;
};

/// What the page of a replay shows. Parts that are empty are left out.
struct ReplayPage {
  explicit ReplayPage(LoopOutcome measured) : outcome(std::move(measured)) {}

  std::string title;
  std::string subtitle;
  std::vector<std::pair<std::string, std::string>> settings;  ///< {`answers after`, `15m`}
  LoopOutcome outcome;
  std::optional<Interval> damage_interval;  ///< 90 %, roubles in 30 days.
  std::optional<double> average_precision;  ///< Of the scores frozen at decision time.
  BudgetState budget;                       ///< At the period's end, all labels known.
  std::vector<ReplayReference> references;
  std::vector<FrontierPoint> frontier;   ///< Any order.
  std::optional<FrontierPoint> chosen;   ///< The policy's own place on it.
  std::vector<EpisodeOutcome> episodes;  ///< With the simulator's truth at hand.
  std::vector<std::string> notes;        ///< Sentences for the end, such as what was not met.
};

/// The goals of the customer that the page is held against.
inline constexpr double kGoalFalsePositiveRate = 0.05;
inline constexpr double kGoalFalseNegativeRate = 0.02;

/// The page as self-contained HTML; the same input gives the same bytes.
std::string replay_page(const ReplayPage& page);

}  // namespace weir::cli

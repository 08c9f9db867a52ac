#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "core/decision/money_policy.h"
#include "core/evaluation/loop_outcome.h"

namespace weir {

/// What a policy may cost the genuine and must keep of the money.
struct PolicyLimits {
  double damage_roubles_per_month = std::numeric_limits<double>::infinity();
  double false_positive_rate = 0.05;
  double genuine_lost_rate = 0.01;
  double challenges_per_day = std::numeric_limits<double>::infinity();

  /// Throws UsageError for a limit that is negative, not a number, or a share above 1.
  void validate() const;
};

/// What one policy did to a period, scaled to 30 days where it is money.
struct PolicyTrial {
  MoneyPolicy policy;
  double damage_roubles_per_month = 0;
  double false_positive_rate = 0;
  double genuine_lost_rate = 0;
  double challenges_per_day = 0;
  double challenges_per_customer_month = 0;
  /// Damage, and what challenges, lost genuine payments and reviews cost by the policy's prices.
  double cost_roubles_per_month = 0;
};

PolicyTrial trial_of(const MoneyPolicy& policy, const LoopOutcome& outcome);

/// By how much a trial passes the limit it keeps worst, as a share of that limit; 0 when it keeps
/// all.
double excess(const PolicyTrial& trial, const PolicyLimits& limits);

/// The limits that a trial passes, in words; empty when it keeps all.
std::string passed_limits(const PolicyTrial& trial, const PolicyLimits& limits);

/// The cheapest trial within the limits, or, where there is none, the one nearest to them. At least
/// one trial (WEIR_CHECK).
std::size_t best_trial(std::span<const PolicyTrial> trials, const PolicyLimits& limits);

/// What to try next, from what was tried: first a ladder of budgets for touching genuine payments,
/// then what knowing of a taken-over card is worth, then budgets around the best. Empty after
/// kSearchRounds. Prices are given and never searched: a policy that likes its prices is no
/// finding.
inline constexpr int kSearchRounds = 3;
std::vector<MoneyPolicy> policies_to_try(int round,
                                         const MoneyPolicy& base,
                                         std::span<const PolicyTrial> tried,
                                         const PolicyLimits& limits);

}  // namespace weir

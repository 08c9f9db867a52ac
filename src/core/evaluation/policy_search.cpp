#include "core/evaluation/policy_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr double kMonthDays = 30;
/// Budgets tried, as shares of the limit; a controller lands a few hundredths off its aim.
constexpr std::array<double, 6> kLadder{0.15, 0.3, 0.5, 0.7, 0.85, 0.97};
/// Worths of a taken-over card tried, in roubles.
constexpr std::array<double, 4> kWorths{0, 1, 5, 20};

struct Kept {
  const char* name;
  double value;
  double limit;
  bool share;
};

std::array<Kept, 4> kept(const PolicyTrial& trial, const PolicyLimits& limits) {
  return {
      {{"damage", trial.damage_roubles_per_month, limits.damage_roubles_per_month, false},
       {"genuine payments touched", trial.false_positive_rate, limits.false_positive_rate, true},
       {"genuine payments lost", trial.genuine_lost_rate, limits.genuine_lost_rate, true},
       {"challenges a day", trial.challenges_per_day, limits.challenges_per_day, false}}};
}

bool tried_before(std::span<const PolicyTrial> tried, const MoneyPolicy& policy) {
  return std::any_of(tried.begin(), tried.end(),
                     [&](const PolicyTrial& trial) { return trial.policy == policy; });
}

}  // namespace

void PolicyLimits::validate() const {
  const auto check = [](const char* name, double value, double largest) {
    if (!(value >= 0 && value <= largest)) {
      throw UsageError(fmt::format("limit of {} is {}, wanted a number from 0{}", name, value,
                                   std::isinf(largest) ? "" : " to 1"));
    }
  };
  constexpr double kAny = std::numeric_limits<double>::infinity();
  check("damage", damage_roubles_per_month, kAny);
  check("genuine payments touched", false_positive_rate, 1);
  check("genuine payments lost", genuine_lost_rate, 1);
  check("challenges a day", challenges_per_day, kAny);
}

PolicyTrial trial_of(const MoneyPolicy& policy, const LoopOutcome& outcome) {
  const LoopCounts total = outcome.total();
  const double months = outcome.days() / kMonthDays;
  PolicyTrial trial;
  trial.policy = policy;
  trial.damage_roubles_per_month = outcome.damage_roubles_per_month();
  trial.false_positive_rate = total.false_positive_rate();
  trial.genuine_lost_rate = total.genuine_lost_rate();
  trial.challenges_per_day = outcome.challenges_per_day();
  trial.challenges_per_customer_month = outcome.challenges_per_customer_month();
  trial.cost_roubles_per_month =
      trial.damage_roubles_per_month +
      (policy.challenge_cost * static_cast<double>(total.challenged) +
       policy.lost_genuine_cost * static_cast<double>(total.genuine_lost) +
       policy.review_cost * static_cast<double>(total.reviewed)) /
          months;
  return trial;
}

double excess(const PolicyTrial& trial, const PolicyLimits& limits) {
  double most = 0;
  for (const Kept& one : kept(trial, limits)) {
    if (one.value > one.limit) most = std::max(most, one.value / std::max(one.limit, 1e-9) - 1);
  }
  return most;
}

std::string passed_limits(const PolicyTrial& trial, const PolicyLimits& limits) {
  std::string text;
  for (const Kept& one : kept(trial, limits)) {
    if (one.value <= one.limit) continue;
    if (!text.empty()) text += ", ";
    text += one.share ? fmt::format("{} {:.2f} % (limit {:.2f} %)", one.name, 100 * one.value,
                                    100 * one.limit)
                      : fmt::format("{} {:.0f} (limit {:.0f})", one.name, one.value, one.limit);
  }
  return text;
}

std::size_t best_trial(std::span<const PolicyTrial> trials, const PolicyLimits& limits) {
  WEIR_CHECK(!trials.empty());
  const auto rank = [&](const PolicyTrial& trial) {
    return std::pair(excess(trial, limits), trial.cost_roubles_per_month);
  };
  const auto best = std::min_element(
      trials.begin(), trials.end(),
      [&](const auto& left, const auto& right) { return rank(left) < rank(right); });
  return static_cast<std::size_t>(best - trials.begin());
}

std::vector<MoneyPolicy> policies_to_try(int round,
                                         const MoneyPolicy& base,
                                         std::span<const PolicyTrial> tried,
                                         const PolicyLimits& limits) {
  std::vector<MoneyPolicy> policies;
  const auto add = [&](const MoneyPolicy& policy) {
    if (!tried_before(tried, policy)) policies.push_back(policy);
  };
  if (round == 0) {
    for (const double share : kLadder) {
      MoneyPolicy policy = base;
      policy.false_positive_rate = share * limits.false_positive_rate;
      policy.lost_genuine_rate = kLadder.back() * limits.genuine_lost_rate;
      policy.challenges_per_day = std::min(limits.challenges_per_day, base.challenges_per_day);
      add(policy);
    }
    return policies;
  }
  if (round >= kSearchRounds || tried.empty()) return policies;
  const MoneyPolicy& best = tried[best_trial(tried, limits)].policy;
  if (round == 1) {
    for (const double worth : kWorths) {
      MoneyPolicy policy = best;
      policy.takeover_worth = worth;
      add(policy);
    }
    return policies;
  }
  // Halfway to the budgets next to the best one.
  double below = 0;
  double above = limits.false_positive_rate;
  for (const PolicyTrial& trial : tried) {
    const double budget = trial.policy.false_positive_rate;
    if (budget < best.false_positive_rate) below = std::max(below, budget);
    if (budget > best.false_positive_rate) above = std::min(above, budget);
  }
  for (const double other : {below, above}) {
    MoneyPolicy policy = best;
    policy.false_positive_rate = (best.false_positive_rate + other) / 2;
    add(policy);
  }
  return policies;
}

}  // namespace weir

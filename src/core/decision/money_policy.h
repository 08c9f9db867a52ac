#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/beliefs/composition.h"
#include "core/beliefs/rates.h"
#include "core/decision/policy.h"

namespace weir {

/// The policy of a bundle with beliefs: what things cost, and what may be spent.
///
/// All costs in roubles. Budgets are limits that a BudgetController keeps by a multiplier on the
/// friction costs.
struct MoneyPolicy {
  double challenge_cost = 0.05;       ///< Of asking one cardholder.
  double lost_genuine_cost = 5;       ///< Of a genuine payment that was not executed.
  double review_cost = 50;            ///< Of an analyst's look at one case.
  double takeover_worth = 0;          ///< Of learning that a card is taken over, in later frauds.
  double false_positive_rate = 0.03;  ///< Genuine payments challenged or declined / genuine.
  double lost_genuine_rate = 0.01;    ///< Genuine payments not executed / genuine.
  double challenges_per_day = 1e9;
  std::int64_t customer_challenges_per_day = 3;  ///< More are not asked of one cardholder.
  bool audits = true;                            ///< Challenge some payments only to learn.
  std::uint64_t audit_key = 1;  ///< Secret: the phase of the audits follows from it.

  /// The bytes of `policy.toml`; `parse` reads exactly this policy back.
  std::string to_toml() const;
  /// Throws Error naming `source` for missing or unknown keys, costs that are negative and budgets
  /// out of range.
  static MoneyPolicy parse(std::string_view toml, const std::string& source);

  friend bool operator==(const MoneyPolicy&, const MoneyPolicy&) = default;
};

/// What the three actions are expected to cost, in roubles.
struct ActionCosts {
  double approve = 0;
  double challenge = 0;
  double decline = 0;

  Action cheapest() const {
    if (decline < challenge && decline < approve) return Action::kDecline;
    return challenge < approve ? Action::kChallenge : Action::kApprove;
  }
};

/// Expected costs of a payment that is a fraud with probability 1 - `genuine`.
///
/// Approved, a fraud costs its amount. Challenged, it costs the amount where the fraudster passes;
/// a genuine payment is lost where nobody answers or the cardholder denies it. Declined, every
/// genuine payment is lost. `multiplier` is the controller's: it moves what a challenge costs, and
/// what a decline does upwards only, since a budget for touching payments is none for losing them.
/// `knowledge` is what an answer is worth.
ActionCosts expected_costs(const MoneyPolicy& policy,
                           const AnswerRates& answers,
                           double multiplier,
                           double genuine,
                           double amount_roubles,
                           double knowledge = 0);

}  // namespace weir

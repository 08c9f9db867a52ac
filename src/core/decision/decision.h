#pragma once

#include <cstdint>
#include <string_view>

#include "core/decision/policy.h"
#include "core/transaction/payment.h"

namespace weir {

/// Why a payment got its action.
enum class Cause : std::uint8_t {
  kScore,  ///< The probability of fraud and what it costs.
  kAudit,  ///< Challenged to learn whether its terminal is still sound.
  kProbe,  ///< Challenged to learn whether its blocked terminal is sound again.
  kLimit,  ///< Its cardholder has been asked often enough today.
};

/// `score`, `audit`, `probe`, `limit`.
std::string_view cause_name(Cause cause);

/// What the pipeline said of one payment, with all that `weir verify` compares.
struct Decision {
  std::uint64_t position = 0;  ///< Of the payment in the log, from 0.
  std::int64_t transaction_id = 0;
  Action action = Action::kApprove;
  Cause cause = Cause::kScore;
  bool review = false;  ///< An analyst's look is worth its cost.
  bool late = false;    ///< Older than the newest payment of its customer or terminal.
  bool repeated =
      false;         ///< The same payment again: this is the first decision, state is untouched.
  float margin = 0;  ///< The forest's log-odds.
  float score = 0;   ///< Log-odds of `probability`: ranks payments. The margin without beliefs.
  double probability = 0;        ///< Calibrated probability of fraud.
  DecisionBeliefs beliefs = {};  ///< Whose fraud it would be; unknown without beliefs.
  float audit_probability = 0;   ///< That it would be audited or probed, before the secret phase.

  friend bool operator==(const Decision&, const Decision&) = default;
};

}  // namespace weir

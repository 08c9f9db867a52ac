#pragma once

#include <cstdint>
#include <string_view>

#include "core/transaction/payment.h"

namespace weir {

/// How long cardholders take to answer.
enum class AnswerLaw : std::uint8_t {
  kFixed,        ///< Exactly the delay.
  kExponential,  ///< That long on average, without memory.
};

/// What becomes of challenges and payments in a replay: the world outside the policy.
struct FeedbackSettings {
  Seconds answer_delay = 900;  ///< From the payment to the answer, or to giving up on it.
  AnswerLaw answer_law = AnswerLaw::kFixed;
  double answered = 0.8;       ///< Share of cardholders who answer.
  double fraud_passes = 0.01;  ///< Share of frauds that pass a challenge.
  double wrong_denial = 0;     ///< Share of genuine payments that their cardholder denies.
  /// From an executed payment to its chargeback, or to being taken for genuine.
  Seconds label_delay = 7 * kSecondsPerDay;
  std::uint64_t seed = 1;
  /// False: nothing that becomes known moves the beliefs. To see what the model does alone.
  bool reaches_beliefs = true;

  /// Throws UsageError for shares outside 0 to 1 and delays below 1 second.
  void validate() const;
};

/// What one challenged cardholder does.
struct CardholderAnswer {
  Outcome outcome = Outcome::kUnanswered;
  bool executed = false;  ///< The payment was confirmed, by the cardholder or a fraudster.
  Seconds delay = 0;
};

/// The answer to a challenge of this payment. Chance is a hash of its id, so that two policies that
/// challenge the same payment get the same answer (common random numbers).
CardholderAnswer ask_cardholder(const FeedbackSettings& settings,
                                std::int64_t transaction_id,
                                bool is_fraud);

}  // namespace weir

#pragma once

#include <span>

#include "core/beliefs/rates.h"
#include "core/transaction/payment.h"

namespace weir {

/// What history says of challenges, from what can be known: answers and chargebacks, each with the
/// beliefs that its decision was made with.
struct AnswerEstimate {
  AnswerRates rates;
  std::uint64_t asked = 0;    ///< Challenges whose chargeback would be known.
  std::uint64_t denied = 0;   ///< Of them.
  double wrongly_denied = 0;  ///< Of these, in expectation.
};

/// Estimates AnswerRates from feedback in any order; `until` is the time up to which it was kept.
/// Challenges younger than `label_delay` by then are left out: whether a fraud passed is not known.
///
/// A denial does not say whether it was a mistake. What is around it does: the cardholders who paid
/// at the same terminal just before and after and confirmed, and how little the card was suspected.
/// So the share of wrong denials is the one that makes all answers likeliest, terminals following
/// the chain of `rates.terminal` (Baum et al. 1970, the rates of answers being the only unknown).
/// It leans on the model's calibration where the model suspects least: of sound terminals, the
/// denials of payments whose card is hardly suspected are split between the frauds that the model
/// expects and mistakes. Intervals are 95 %, of the observed
/// information.
///
/// Throws Error where the feedback holds fewer than 100 answers that old.
AnswerEstimate estimate_answers(std::span<const Feedback> feedback,
                                const BeliefRates& rates,
                                Seconds label_delay,
                                Seconds until);

}  // namespace weir

#pragma once

#include <algorithm>

#include "core/beliefs/rates.h"
#include "core/transaction/payment.h"

namespace weir {

/// P(fraud) of one payment, by cause.
struct FraudProbability {
  double model = 0;     ///< Of the model alone.
  double takeover = 0;  ///< P(taken over | fraud of the card).
  double card = 0;      ///< Because of the card.
  double terminal = 0;  ///< Because of the terminal.
  /// Because of either: 1 - (1 - card) (1 - terminal), two independent causes.
  double total = 0;
  /// 1 - total, exact where total is near 1.
  double genuine = 1;

  DecisionBeliefs beliefs() const {
    return {static_cast<float>(model), static_cast<float>(takeover), static_cast<float>(card),
            static_cast<float>(terminal)};
  }
};

/// What a payment says of its card: how likely its looks and its being a fraud of the card are, if
/// the card is taken over and if it is sound, in units of its looks' likelihood when genuine.
///
/// With x the looks, C the card's state, F a fraud of the card: the model gives P(F | x) of the
/// average customer, so P(x | F) / P(x | genuine) is a ratio of odds, and the take-over share
/// P(C | F, x) splits it: P(x, F | C) = P(x | F) P(F) P(C | F, x) / P(C).
struct CardEvidence {
  double taken_over = 0;
  double sound = 0;
};

inline CardEvidence card_evidence(const BeliefRates& rates, double model, double takeover) {
  const double average = std::clamp(rates.average_card_fraud(), 1e-9, 1 - 1e-6);
  const double bounded = std::clamp(model, 1e-7, 1 - 1e-6);
  const double fraud = bounded / (1 - bounded) * (1 - average);
  const double stationary = rates.customer.stationary();
  return {fraud * takeover / stationary, fraud * (1 - takeover) / (1 - stationary)};
}

/// The model's probability, which knows no outcome, moved to what is believed of the customer.
inline double card_probability(const BeliefRates& rates,
                               double model,
                               double takeover,
                               double customer) {
  const CardEvidence evidence = card_evidence(rates, model, takeover);
  const double fraud = customer * evidence.taken_over + (1 - customer) * evidence.sound;
  const double genuine = customer * (1 - rates.customer.compromised_fraud.value) +
                         (1 - customer) * (1 - rates.customer.sound_fraud.value);
  return fraud / (fraud + genuine);
}

/// Puts the model and both beliefs (P(compromised) of terminal and customer) together.
inline FraudProbability compose(
    const BeliefRates& rates, double model, double margin, double terminal, double customer) {
  FraudProbability result;
  result.model = model;
  result.takeover = rates.takeover_at(margin);
  result.card = card_probability(rates, model, result.takeover, customer);
  result.terminal = terminal * rates.terminal.compromised_fraud.value;
  result.genuine = (1 - result.card) * (1 - result.terminal);
  result.total = 1 - result.genuine;
  return result;
}

}  // namespace weir

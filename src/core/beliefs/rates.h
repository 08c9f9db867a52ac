#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/beliefs/duration_law.h"
#include "core/transaction/payment.h"

namespace weir {

/// A number estimated from history, with the bounds of its 95 % interval.
struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;

  friend bool operator==(const Estimate&, const Estimate&) = default;
};

/// How keys of one kind (terminals, or customers) turn from sound to compromised and back, and what
/// their payments are in either state. A continuous-time chain; without a law of durations one
/// without memory.
struct ChainRates {
  Estimate starts_per_day;     ///< Hazard of a sound key.
  Estimate ends_per_day;       ///< Of a compromised one.
  Estimate compromised_fraud;  ///< Share of its payments that are fraud while compromised.
  Estimate sound_fraud;        ///< The same while sound.
  DurationLaw durations = {};  ///< Of compromises; its mean rate is ends_per_day.

  /// Share of the time that a key is compromised, in the long run.
  double stationary() const {
    return starts_per_day.value / (starts_per_day.value + ends_per_day.value);
  }
  friend bool operator==(const ChainRates&, const ChainRates&) = default;
};

/// How many of the frauds that are the card's come from a card that is taken over, by the model's
/// margin. A stolen number that is tried once and a card in other hands look different, and only
/// the latter will be used again.
struct TakeoverShares {
  std::vector<double> margins;  ///< Upper bounds of all steps but the last, ascending.
  std::vector<double> shares;   ///< One more; empty: the same share for all.

  double at(double margin) const {
    return shares[static_cast<std::size_t>(
        std::upper_bound(margins.begin(), margins.end(), margin) - margins.begin())];
  }
  friend bool operator==(const TakeoverShares&, const TakeoverShares&) = default;
};

/// What becomes of a challenge.
struct AnswerRates {
  Estimate answered{0.8, 0, 1};        ///< Of the cardholders who are asked.
  Estimate fraud_passes{0.01, 0, 1};   ///< Frauds that pass a challenge all the same.
  Estimate wrong_denial{0.002, 0, 1};  ///< Genuine payments that their cardholder denies.

  friend bool operator==(const AnswerRates&, const AnswerRates&) = default;
};

/// All that the beliefs know beforehand: `beliefs.toml` of a bundle, estimated from history.
struct BeliefRates {
  ChainRates terminal;
  ChainRates customer;
  TakeoverShares takeover;
  AnswerRates answers;

  /// Share of the payments of an average customer that are frauds of his card.
  double average_card_fraud() const {
    const double compromised = customer.stationary();
    return compromised * customer.compromised_fraud.value +
           (1 - compromised) * customer.sound_fraud.value;
  }
  /// P(taken over | fraud of the card) at this margin of the model.
  double takeover_at(double margin) const {
    return takeover.shares.empty()
               ? customer.stationary() * customer.compromised_fraud.value / average_card_fraud()
               : takeover.at(margin);
  }

  /// The bytes of `beliefs.toml`; `parse` reads exactly these rates back.
  std::string to_toml() const;
  /// Throws Error naming `source` for missing or unknown keys and rates out of range.
  static BeliefRates parse(std::string_view toml, const std::string& source);

  friend bool operator==(const BeliefRates&, const BeliefRates&) = default;
};

}  // namespace weir

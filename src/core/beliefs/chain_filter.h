#pragma once

#include <algorithm>
#include <cmath>

#include "core/beliefs/rates.h"
#include "core/transaction/payment.h"

namespace weir {

/// How likely a piece of evidence is if the key was compromised, and if it was sound, at the time
/// of the payment that it is about.
struct Likelihood {
  double compromised = 1;
  double sound = 1;
};

/// The Bayes filter of one key's chain: P(compromised) at `time`, given all evidence so far
/// (forward algorithm of a two-state hidden Markov model; Rabiner 1989, section III). With a law of
/// durations the end comes by the age of the compromise, which is followed by its expectation
/// alone: evidence soon leaves one start that is likely.
struct ChainFilter {
  Seconds time = 0;
  double probability = 0;
  Seconds since = 0;  ///< When the compromise began, in expectation, if there is one.

  /// Neither certainty is ever reached: evidence must be able to change any mind.
  static constexpr double kLeast = 1e-9;
  static constexpr double kMost = 1 - 1e-4;

  /// P(compromised) at `at`; of an earlier time than the filter's, the filter's own.
  double predicted(const ChainRates& rates, Seconds at) const {
    if (at <= time) return probability;
    const double stationary = rates.stationary();
    if (rates.durations.empty()) {
      return stationary + (probability - stationary) * kept(rates, at - time);
    }
    const double lasting = survived(rates, at);
    return lasting + (1 - lasting) * stationary * (1 - kept(rates, at - time));
  }

  /// The hazard of the end a day at `at`; a law of durations may only raise it, for it is of the
  /// past, and a compromise that ends sooner must still be noticed.
  double end_hazard(const ChainRates& rates, Seconds at) const {
    const double mean = rates.ends_per_day.value;
    return rates.durations.empty() ? mean : std::max(mean, rates.durations.hazard(age(at)));
  }

  /// Takes in evidence about time `at`. Evidence older than what came in before speaks about the
  /// present only as far as the chain has not forgotten: a two-state chain is reversible, so
  /// P(compromised then | compromised now) is its own prediction backwards.
  void update(const ChainRates& rates, Seconds at, Likelihood likelihood) {
    double prior = probability;
    if (at >= time) {
      prior = predicted(rates, at);
      if (!rates.durations.empty() && prior > 0) {
        const double lasting = survived(rates, at) / prior;
        const double begun = static_cast<double>(at) - kSecondsPerDay * newest_age(rates, at);
        since = static_cast<Seconds>(lasting * static_cast<double>(since) + (1 - lasting) * begun);
      }
      time = at;
    } else {
      const double stationary = rates.stationary();
      const double memory = kept(rates, time - at);
      const double then_if_now = stationary + (1 - stationary) * memory;
      const double then_if_not_now = stationary * (1 - memory);
      likelihood = {
          likelihood.compromised * then_if_now + likelihood.sound * (1 - then_if_now),
          likelihood.compromised * then_if_not_now + likelihood.sound * (1 - then_if_not_now)};
    }
    const double compromised = prior * likelihood.compromised;
    const double evidence = compromised + (1 - prior) * likelihood.sound;
    probability = evidence > 0 ? std::clamp(compromised / evidence, kLeast, kMost) : prior;
  }

  friend bool operator==(const ChainFilter&, const ChainFilter&) = default;

 private:
  double age(Seconds at) const { return static_cast<double>(at - since) / kSecondsPerDay; }

  /// P(compromised now and still at `at`).
  double survived(const ChainRates& rates, Seconds at) const {
    const double more = static_cast<double>(at - time) / kSecondsPerDay;
    return probability * rates.durations.survival(age(time), more);
  }

  /// Days since the start of a compromise that began after `time`, seen from `at`.
  double newest_age(const ChainRates& rates, Seconds at) const {
    return std::min(static_cast<double>(at - time) / kSecondsPerDay / 2,
                    rates.durations.mean_age());
  }

  static double kept(const ChainRates& rates, Seconds duration) {
    const double rate = rates.starts_per_day.value + rates.ends_per_day.value;
    return std::exp(-rate * static_cast<double>(duration) / kSecondsPerDay);
  }
};

}  // namespace weir

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/transaction/payment.h"

namespace weir {

/// Whose history an input looks at. kPayment: only the payment itself.
enum class FeatureKey : std::uint8_t { kPayment, kCustomer, kTerminal, kPair };

/// What an input is. The words, units and exact meanings stand in `aggregate_words()`.
enum class Aggregate : std::uint8_t {
  kAmount,
  kIsWeekend,
  kIsNight,
  kHour,
  kCount,
  kSum,
  kMean,
  kStd,
  kMax,
  kAmountToMean,
  kAmountToMax,
  kAmountToGenuineMean,
  kTimeSinceLast,
  kKnownFraudCount,
  kKnownGenuineCount,
  kRisk,
  kTimeSinceFirstKnownFraud,
  kTimeSinceLastKnownFraud,
  kKnownGenuineSinceLastKnownFraud,
};

/// One input of a model: an aggregate of the payments of `key` with
/// event_time in (t - window - delay, t - delay], where t is the time of the payment at hand.
struct FeatureInput {
  FeatureKey key = FeatureKey::kPayment;
  Aggregate aggregate = Aggregate::kAmount;
  Seconds window = 0;  ///< 0 for inputs of the payment itself.
  Seconds delay = 0;

  /// `amount`, `customer_mean_7d`, `terminal_risk_30d_delay_7d`: a function of the other fields.
  std::string name() const;

  friend bool operator==(const FeatureInput&, const FeatureInput&) = default;
};

/// One word of the vocabulary, with what docs and error texts need.
struct AggregateWord {
  Aggregate aggregate;
  std::string_view word;
  std::string_view unit;
  std::string_view meaning;
  bool of_payment;      ///< Belongs to key "payment" and takes no window; else to the other keys.
  bool takes_delay;     ///< Otherwise the delay must be left out.
  bool needs_outcomes;  ///< Looks at known outcomes.
};

/// The whole vocabulary, in the order of the documentation.
std::span<const AggregateWord> aggregate_words();
const AggregateWord& word_of(Aggregate aggregate);

/// `payment`, `customer`, `terminal`, `pair`.
std::string_view key_word(FeatureKey key);

}  // namespace weir

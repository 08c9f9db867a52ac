#include "core/features/feature_input.h"

#include <fmt/format.h>

#include <array>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

// In the order of the enumerators, so that word_of is an index.
constexpr std::array kWords = {
    AggregateWord{Aggregate::kAmount, "amount", "roubles", "the amount of the payment", true, false,
                  false},
    AggregateWord{Aggregate::kIsWeekend, "is_weekend", "0 or 1", "1 on Saturday and Sunday, UTC",
                  true, false, false},
    AggregateWord{Aggregate::kIsNight, "is_night", "0 or 1", "1 from 00:00:00 to 06:59:59 UTC",
                  true, false, false},
    AggregateWord{Aggregate::kHour, "hour", "0 to 23", "hour of the day, UTC", true, false, false},
    AggregateWord{Aggregate::kCount, "count", "payments", "number of payments", false, true, false},
    AggregateWord{Aggregate::kSum, "sum", "roubles", "sum of the amounts", false, true, false},
    AggregateWord{Aggregate::kMean, "mean", "roubles", "mean amount; 0 without payments", false,
                  true, false},
    AggregateWord{Aggregate::kStd, "std", "roubles",
                  "sample standard deviation of the amounts (n - 1); 0 below two payments", false,
                  true, false},
    AggregateWord{Aggregate::kMax, "max", "roubles", "largest amount; 0 without payments", false,
                  true, false},
    AggregateWord{Aggregate::kAmountToMean, "amount_to_mean", "ratio",
                  "this amount / the mean amount; 1 when that mean is 0", false, true, false},
    AggregateWord{Aggregate::kAmountToMax, "amount_to_max", "ratio",
                  "this amount / the largest amount; 1 when that is 0", false, true, false},
    AggregateWord{Aggregate::kAmountToGenuineMean, "amount_to_genuine_mean", "ratio",
                  "this amount / the mean amount of the payments known to be genuine; 1 when that "
                  "mean is 0",
                  false, true, true},
    AggregateWord{Aggregate::kTimeSinceLast, "time_since_last", "seconds",
                  "time since the payment before this one; the window when there is none in it",
                  false, false, false},
    AggregateWord{Aggregate::kKnownFraudCount, "known_fraud_count", "payments",
                  "payments known to be fraud", false, true, true},
    AggregateWord{Aggregate::kKnownGenuineCount, "known_genuine_count", "payments",
                  "payments known to be genuine", false, true, true},
    AggregateWord{Aggregate::kRisk, "risk", "share",
                  "known frauds / payments with a known outcome; 0 when there are none", false,
                  true, true},
    AggregateWord{Aggregate::kTimeSinceFirstKnownFraud, "time_since_first_known_fraud", "seconds",
                  "time since the earliest payment known to be fraud; the window when there is "
                  "none in it",
                  false, false, true},
    AggregateWord{Aggregate::kTimeSinceLastKnownFraud, "time_since_last_known_fraud", "seconds",
                  "time since the latest payment known to be fraud; the window when there is none "
                  "in it",
                  false, false, true},
    AggregateWord{Aggregate::kKnownGenuineSinceLastKnownFraud,
                  "known_genuine_since_last_known_fraud", "payments",
                  "payments known to be genuine after the latest one known to be fraud; all known "
                  "genuine ones when there is no known fraud in the window",
                  false, false, true},
};

}  // namespace

std::span<const AggregateWord> aggregate_words() { return kWords; }

const AggregateWord& word_of(Aggregate aggregate) {
  const AggregateWord& word = kWords.at(static_cast<std::size_t>(aggregate));
  WEIR_CHECK(word.aggregate == aggregate);
  return word;
}

std::string_view key_word(FeatureKey key) {
  switch (key) {
    case FeatureKey::kPayment:
      return "payment";
    case FeatureKey::kCustomer:
      return "customer";
    case FeatureKey::kTerminal:
      return "terminal";
    case FeatureKey::kPair:
      return "pair";
  }
  WEIR_CHECK(false);
}

std::string FeatureInput::name() const {
  const std::string_view word = word_of(aggregate).word;
  if (key == FeatureKey::kPayment) return std::string(word);
  std::string name = fmt::format("{}_{}_{}", key_word(key), word, format_duration(window));
  if (delay != 0) name += fmt::format("_delay_{}", format_duration(delay));
  return name;
}

}  // namespace weir

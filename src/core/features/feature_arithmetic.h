#pragma once

#include <cmath>
#include <cstdint>

#include "core/features/feature_input.h"
#include "core/transaction/payment.h"

namespace weir {

/// Sums of squared kopecks and their products pass 64 bits; exact to the end all the same.
__extension__ using WideSum = unsigned __int128;

/// What is known of one window, in whole numbers. Everything that computes features (live, batch,
/// brute force) fills what its aggregate needs and gets the same bits from feature_value.
struct WindowFacts {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;  ///< Kopecks.
  WideSum squares = 0;    ///< Of kopecks.
  std::uint64_t max = 0;  ///< Kopecks.
  std::uint64_t known_fraud = 0;
  std::uint64_t known_genuine = 0;
  std::uint64_t genuine_sum = 0;  ///< Kopecks of the payments known to be genuine.
  std::uint64_t seconds = 0;      ///< Of the time_since_… aggregates.
  std::uint64_t genuine_since_fraud = 0;
};

/// Whole numbers in, one rounding to float at the end: the only place where features leave the
/// integers. Each takes plain numbers so that loops over columns vectorise.
namespace arithmetic {

/// Every number here stays below 2^63, and signed conversion is the fast one.
inline double real(std::uint64_t value) {
  return static_cast<double>(static_cast<std::int64_t>(value));
}

inline float whole(std::uint64_t value) { return static_cast<float>(real(value)); }

inline float roubles(std::uint64_t kopecks) { return static_cast<float>(real(kopecks) / 100.0); }

inline float mean(std::uint64_t sum, std::uint64_t count) {
  return count == 0 ? 0.0F : static_cast<float>(real(sum) / (100.0 * real(count)));
}

/// sqrt((n Σx² - (Σx)²) / (n (n - 1))), the numerator exact.
inline float standard_deviation(std::uint64_t count, std::uint64_t sum, WideSum squares) {
  if (count < 2) return 0.0F;
  const WideSum numerator = squares * count - static_cast<WideSum>(sum) * sum;
  const double denominator = 10'000.0 * (real(count) * real(count - 1));
  // Converting 128 bits is a slow library call; the same number when it fits into 63.
  const double exact = (numerator >> 63) == 0 ? real(static_cast<std::uint64_t>(numerator))
                                              : static_cast<double>(numerator);
  return static_cast<float>(std::sqrt(exact / denominator));
}

/// amount / (sum / count).
inline float ratio_to_mean(std::uint64_t amount, std::uint64_t sum, std::uint64_t count) {
  return sum == 0 ? 1.0F : static_cast<float>(real(amount) * real(count) / real(sum));
}

inline float ratio(std::uint64_t amount, std::uint64_t other) {
  return other == 0 ? 1.0F : static_cast<float>(real(amount) / real(other));
}

inline float share(std::uint64_t part, std::uint64_t rest) {
  return part == 0 ? 0.0F : static_cast<float>(real(part) / real(part + rest));
}

/// Of a time in 1970..2105; 1970-01-01 was a Thursday. calendar.h has the same for any year.
inline std::uint32_t hour(std::uint32_t time) { return time % 86'400 / 3600; }
inline float is_weekend(std::uint32_t time) { return (time / 86'400 + 3) % 7 >= 5 ? 1.0F : 0.0F; }
inline float is_night(std::uint32_t time) { return hour(time) <= 6 ? 1.0F : 0.0F; }

}  // namespace arithmetic

/// The value of an aggregate for a payment of `amount` kopecks at `time`.
inline float feature_value(Aggregate aggregate,
                           Seconds time,
                           std::uint64_t amount,
                           const WindowFacts& facts) {
  switch (aggregate) {
    case Aggregate::kAmount:
      return arithmetic::roubles(amount);
    case Aggregate::kIsWeekend:
      return arithmetic::is_weekend(static_cast<std::uint32_t>(time));
    case Aggregate::kIsNight:
      return arithmetic::is_night(static_cast<std::uint32_t>(time));
    case Aggregate::kHour:
      return static_cast<float>(arithmetic::hour(static_cast<std::uint32_t>(time)));
    case Aggregate::kCount:
      return arithmetic::whole(facts.count);
    case Aggregate::kSum:
      return arithmetic::roubles(facts.sum);
    case Aggregate::kMean:
      return arithmetic::mean(facts.sum, facts.count);
    case Aggregate::kStd:
      return arithmetic::standard_deviation(facts.count, facts.sum, facts.squares);
    case Aggregate::kMax:
      return arithmetic::roubles(facts.max);
    case Aggregate::kAmountToMean:
      return arithmetic::ratio_to_mean(amount, facts.sum, facts.count);
    case Aggregate::kAmountToMax:
      return arithmetic::ratio(amount, facts.max);
    case Aggregate::kAmountToGenuineMean:
      return arithmetic::ratio_to_mean(amount, facts.genuine_sum, facts.known_genuine);
    case Aggregate::kKnownFraudCount:
      return arithmetic::whole(facts.known_fraud);
    case Aggregate::kKnownGenuineCount:
      return arithmetic::whole(facts.known_genuine);
    case Aggregate::kRisk:
      return arithmetic::share(facts.known_fraud, facts.known_genuine);
    case Aggregate::kTimeSinceLast:
    case Aggregate::kTimeSinceFirstKnownFraud:
    case Aggregate::kTimeSinceLastKnownFraud:
      return arithmetic::whole(facts.seconds);
    case Aggregate::kKnownGenuineSinceLastKnownFraud:
      return arithmetic::whole(facts.genuine_since_fraud);
  }
  return 0.0F;
}

}  // namespace weir

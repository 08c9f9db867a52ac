#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/transaction/payment.h"

namespace weir {

/// What flagging (challenging or declining) does to a period. Positive = flagged.
struct OperatingPoint {
  std::uint64_t true_positives = 0;   ///< Frauds flagged.
  std::uint64_t false_negatives = 0;  ///< Frauds that went through.
  std::uint64_t false_positives = 0;  ///< Genuine payments flagged.
  std::uint64_t true_negatives = 0;   ///< Genuine payments left alone.
  std::int64_t damage_minor = 0;      ///< Kopecks of the frauds that went through.
  std::int64_t exposure_minor = 0;    ///< Kopecks of all frauds.

  std::uint64_t payments() const {
    return true_positives + false_negatives + false_positives + true_negatives;
  }
  /// Genuine payments flagged / genuine payments. The shares are 0 where their whole is 0.
  double false_positive_rate() const;
  /// Frauds that went through / frauds.
  double false_negative_rate() const;
  /// Frauds that went through / all payments: the customer's own words.
  double false_negatives_of_all() const;
  double false_positives_of_all() const;
  double precision() const;
  /// Damage in roubles scaled to 30 days.
  double damage_roubles_per_month(Seconds period_seconds) const;

  void add(bool fraud, bool flagged, std::int64_t amount_minor, std::uint64_t weight = 1);
};

/// Everything scored at or above `threshold` is flagged. All spans are of one length.
OperatingPoint operating_point(std::span<const float> scores,
                               const PaymentView& payments,
                               float threshold,
                               std::span<const std::uint8_t> weights = {});

/// Recall by the simulator's scenario: {scenario → point of its frauds}; genuine payments are left
/// out.
std::map<int, OperatingPoint> operating_points_by_scenario(std::span<const float> scores,
                                                           const PaymentView& payments,
                                                           float threshold);

/// {midnight → point of that UTC day}.
std::map<Seconds, OperatingPoint> operating_points_by_day(std::span<const float> scores,
                                                          const PaymentView& payments,
                                                          float threshold);

}  // namespace weir

#pragma once

#include <cstdint>

#include "core/cleaning/clean_row.h"

namespace weir {

/// A cleaned payment of a known day in 32 bytes; half of what the plain structure takes.
class PackedPayment {
 public:
  PackedPayment() = default;
  explicit PackedPayment(const CleanedPayment& row)
      : transaction_id_(row.payment.transaction_id),
        customer_id_(row.payment.customer_id),
        // Cleaned ids are never negative, so the sign is free for the mark.
        terminal_id_(row.payment.terminal_id | (row.time_repaired ? kRepaired : 0)),
        rest_(second_of_day(row.payment.event_time) << kSecondShift |
              label_code(row.label) << kLabelShift |
              static_cast<std::uint64_t>(row.payment.amount_minor)) {}

  /// Days since 1970-01-01; to be kept beside.
  static std::int32_t day_of(Seconds time) {
    return static_cast<std::int32_t>(time / kSecondsPerDay);
  }

  std::uint32_t second() const { return static_cast<std::uint32_t>(rest_ >> kSecondShift); }
  std::int64_t transaction_id() const { return transaction_id_; }
  std::int64_t customer_id() const { return customer_id_; }
  std::int64_t terminal_id() const { return terminal_id_ & ~kRepaired; }
  std::int64_t amount_minor() const { return static_cast<std::int64_t>(rest_ & kAmountMask); }
  bool time_repaired() const { return terminal_id_ < 0; }
  PaymentLabel label() const {
    const auto code = static_cast<std::int8_t>(rest_ >> kLabelShift & 7);
    // 0 genuine, 1 fraud of an unknown scenario, 2.. fraud of scenario 1..
    return {static_cast<std::int8_t>(code != 0), static_cast<std::int8_t>(code > 1 ? code - 1 : 0)};
  }
  bool is_fraud() const { return (rest_ >> kLabelShift & 7) != 0; }

  /// Equal in everything delivered; whether a repair was needed does not matter.
  bool same_payment(const PackedPayment& other) const {
    return transaction_id_ == other.transaction_id_ && customer_id_ == other.customer_id_ &&
           terminal_id() == other.terminal_id() && rest_ == other.rest_;
  }
  friend bool operator==(const PackedPayment&, const PackedPayment&) = default;

 private:
  static constexpr int kLabelShift = 44;  // 10^13 kopecks need 44 bits.
  static constexpr int kSecondShift = 47;
  static constexpr std::uint64_t kAmountMask = (std::uint64_t{1} << kLabelShift) - 1;
  static constexpr std::int64_t kRepaired = INT64_MIN;

  static std::uint64_t second_of_day(Seconds time) {
    return static_cast<std::uint64_t>(time % kSecondsPerDay);
  }
  static std::uint64_t label_code(PaymentLabel label) {
    return static_cast<std::uint64_t>(label.is_fraud == 0 ? 0 : 1 + label.fraud_scenario);
  }

  std::int64_t transaction_id_ = 0;
  std::int64_t customer_id_ = 0;
  std::int64_t terminal_id_ = 0;
  std::uint64_t rest_ = 0;
};
static_assert(sizeof(PackedPayment) == 32);
static_assert(kMaxScenario + 1 < 8, "the label code has three bits");

}  // namespace weir

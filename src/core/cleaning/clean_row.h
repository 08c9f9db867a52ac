#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/cleaning/rules.h"
#include "core/cleaning/terminals.h"
#include "core/transaction/payment.h"

namespace weir {

/// The fields of a raw row, and `kRow` for faults of the row as a whole.
enum class Field : std::uint8_t {
  kTransactionId,
  kEventTime,
  kCustomerId,
  kTerminalId,
  kAmount,
  kAmountMinor,
  kTimeSeconds,
  kIsFraud,
  kFraudScenario,
  kRow,
};
inline constexpr std::size_t kRawFieldCount = 9;  ///< Without kRow.

/// `transaction_id`, `event_time`, …, as in JSON and in configuration.
std::string_view field_name(Field field);

/// One payment as it was delivered, field by field as text. Absent fields are empty optionals.
struct RawPayment {
  std::string_view transaction_id;
  std::string_view event_time;
  std::string_view customer_id;
  std::string_view terminal_id;
  std::string_view amount;                       ///< Decimal roubles, or kopecks:
  bool amount_is_minor = false;                  ///< `amount` is a whole number of kopecks.
  std::optional<std::string_view> time_seconds;  ///< Seconds since the data set's origin.
  std::optional<std::string_view> is_fraud;      ///< 0, 1, false, true.
  std::optional<std::string_view> fraud_scenario;
};

/// What the rules must know of the data set.
struct CleaningConfig {
  /// Terminals that exist; without it every number of 0 or more is one.
  std::optional<TerminalSet> terminals;
  /// event_time − tx_time_seconds, one constant per data set; without it `24:00:00` has no repair.
  std::optional<Seconds> time_origin;
};

struct CleanedPayment {
  Payment payment;
  PaymentLabel label;  ///< Zero where the row has none.
  bool time_repaired = false;

  friend bool operator==(const CleanedPayment&, const CleanedPayment&) = default;
};

/// Why a row is out. What can be read of its money and label is kept for the balance.
struct Reject {
  Rule rule = Rule::kFieldCount;
  Field field = Field::kRow;
  std::string value;  ///< At most kMaxRejectValue bytes of it.
  std::optional<std::int64_t> amount_minor;
  std::optional<bool> is_fraud;

  friend bool operator==(const Reject&, const Reject&) = default;
};

inline constexpr std::size_t kMaxRejectValue = 256;
inline constexpr Seconds kFirstTime = 0;  ///< 1970-01-01
inline constexpr Seconds kLastTime =
    4'102'444'800;  ///< 2100-01-01, the first time refused; windows count in 32 bits.
inline constexpr int kMaxScenario = 6;

/// Applies every rule that needs one row only: all but the duplicates.
///
/// Spaces around a field are ignored. Rules are tried in the order id, time, customer, terminal,
/// amount, label; the first fault is the reason. About 100 ns.
std::variant<CleanedPayment, Reject> clean(const RawPayment& row, const CleaningConfig& config);

/// A reject of the row as a whole, of which nothing can be read.
Reject reject_row(Rule rule, std::string_view value);

/// A whole number of 0 or more that fits int64; nothing otherwise.
std::optional<std::int64_t> parse_id(std::string_view text);

/// The 00:00:00 after `YYYY-MM-DD 24:00:00`; nothing for other text.
std::optional<Seconds> parse_time_24(std::string_view text);

}  // namespace weir

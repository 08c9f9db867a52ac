#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace weir {

/// Seconds since 1970-01-01T00:00:00Z. Whole seconds are all that counts anywhere in weir.
using Seconds = std::int64_t;

inline constexpr Seconds kSecondsPerDay = 86'400;

/// One card payment, cleaned.
struct Payment {
  std::int64_t transaction_id = 0;
  Seconds event_time = 0;  ///< When the payment happened, UTC.
  std::int64_t customer_id = 0;
  std::int64_t terminal_id = 0;
  std::int64_t amount_minor = 0;  ///< Kopecks; never negative.

  friend bool operator==(const Payment&, const Payment&) = default;
};

/// Batch order of payments: by event time, then by transaction id.
inline bool earlier_in_batch(const Payment& left, const Payment& right) {
  return left.event_time != right.event_time ? left.event_time < right.event_time
                                             : left.transaction_id < right.transaction_id;
}

/// What became known of a payment.
enum class Outcome : std::uint8_t { kGenuine = 0, kFraud = 1, kUnanswered = 2 };

/// Who said so. kMaturity: an executed payment that no chargeback reached within the label delay.
enum class OutcomeSource : std::uint8_t {
  kChargeback = 0,
  kChallenge = 1,
  kAnalyst = 2,
  kMaturity = 3
};

/// Their words in files, requests and answers, by number.
inline constexpr std::string_view kOutcomeNames[] = {"genuine", "fraud", "unanswered"};
inline constexpr std::string_view kSourceNames[] = {"chargeback", "challenge", "analyst",
                                                    "maturity"};

inline std::string_view outcome_name(Outcome outcome) {
  return kOutcomeNames[static_cast<std::size_t>(outcome)];
}
inline std::string_view source_name(OutcomeSource source) {
  return kSourceNames[static_cast<std::size_t>(source)];
}

/// What a decision was made with: how likely the payment was a fraud, and whose. Negative where
/// nothing is known.
struct DecisionBeliefs {
  float model = -1;     ///< By the model alone, whose inputs know no outcome.
  float takeover = -1;  ///< That its card is taken over, if the card is why it is a fraud.
  float card = -1;      ///< Because of the card, with what is known of the customer.
  float terminal = -1;  ///< Because of the terminal.

  bool known() const { return model >= 0; }
  friend bool operator==(const DecisionBeliefs&, const DecisionBeliefs&) = default;
};

/// The outcome of an earlier payment. Carries the payment's keys, so it routes without a look-up.
/// The later `known_at` wins; a correction reverses what the earlier feedback added.
struct Feedback {
  Payment payment;
  Outcome outcome = Outcome::kGenuine;
  OutcomeSource source = OutcomeSource::kMaturity;
  Seconds known_at = 0;  ///< From this time on anything may know the outcome.
  /// Added at ingest where weir made the decision, so that a fraud is attributed to the card or to
  /// the terminal without one key reading the other.
  DecisionBeliefs beliefs = {};
  bool challenged = false;  ///< Added likewise: its cardholder was asked.

  friend bool operator==(const Feedback&, const Feedback&) = default;
};

/// Labels of training data. `fraud_scenario` is for evaluation only: it never reaches a feature, a
/// model or a decision.
struct PaymentLabel {
  std::int8_t is_fraud = 0;
  std::int8_t fraud_scenario = 0;  ///< 0 genuine, 1..3 the simulator's scenarios.

  friend bool operator==(const PaymentLabel&, const PaymentLabel&) = default;
};

/// Borrowed columns of payments, all of one length; the label columns are empty where nothing is
/// known.
struct PaymentView {
  std::span<const std::int64_t> transaction_id;
  std::span<const Seconds> event_time;
  std::span<const std::int64_t> customer_id;
  std::span<const std::int64_t> terminal_id;
  std::span<const std::int64_t> amount_minor;
  std::span<const std::int8_t> is_fraud;
  std::span<const std::int8_t> fraud_scenario;

  std::size_t size() const { return transaction_id.size(); }
  bool has_labels() const { return !is_fraud.empty() || size() == 0; }
  Payment operator[](std::size_t row) const {
    return {transaction_id[row], event_time[row], customer_id[row], terminal_id[row],
            amount_minor[row]};
  }
  /// Rows [begin, end).
  PaymentView slice(std::size_t begin, std::size_t end) const {
    const auto part = [&](auto column) {
      return column.empty() ? column : column.subspan(begin, end - begin);
    };
    return {part(transaction_id), part(event_time), part(customer_id),   part(terminal_id),
            part(amount_minor),   part(is_fraud),   part(fraud_scenario)};
  }
};

/// Owned columns of payments; 42 bytes a row with labels.
struct PaymentColumns {
  std::vector<std::int64_t> transaction_id;
  std::vector<Seconds> event_time;
  std::vector<std::int64_t> customer_id;
  std::vector<std::int64_t> terminal_id;
  std::vector<std::int64_t> amount_minor;
  std::vector<std::int8_t> is_fraud;
  std::vector<std::int8_t> fraud_scenario;

  std::size_t size() const { return transaction_id.size(); }
  void reserve(std::size_t rows) {
    transaction_id.reserve(rows);
    event_time.reserve(rows);
    customer_id.reserve(rows);
    terminal_id.reserve(rows);
    amount_minor.reserve(rows);
    is_fraud.reserve(rows);
    fraud_scenario.reserve(rows);
  }
  /// Appends an unlabelled payment; do not mix with labelled ones.
  void push_back(const Payment& payment) {
    transaction_id.push_back(payment.transaction_id);
    event_time.push_back(payment.event_time);
    customer_id.push_back(payment.customer_id);
    terminal_id.push_back(payment.terminal_id);
    amount_minor.push_back(payment.amount_minor);
  }
  void push_back(const Payment& payment, PaymentLabel label) {
    push_back(payment);
    is_fraud.push_back(label.is_fraud);
    fraud_scenario.push_back(label.fraud_scenario);
  }
  PaymentView view() const {
    return {transaction_id, event_time, customer_id,   terminal_id,
            amount_minor,   is_fraud,   fraud_scenario};
  }
};

}  // namespace weir

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/cleaning/json_row.h"
#include "core/transaction/payment.h"

namespace weir {

/// One entry of the log as it came: a payment or feedback, as JSON.
struct Event {
  std::optional<std::string_view> value;   ///< Nothing for a null.
  std::optional<std::string_view> schema;  ///< Header `schema_version`; `1` when absent.
  Seconds logged_at = 0;                   ///< When it was appended.
};

/// Why an event is no entry that can be decided.
struct EventFault {
  std::string rule;
  std::string field;
  std::string detail;

  friend bool operator==(const EventFault&, const EventFault&) = default;
};

/// A payment that broke a rule, as its sender is told.
EventFault fault_of(const Reject& reject);

/// What a sender says of an earlier payment.
struct FeedbackText {
  std::int64_t transaction_id = 0;
  Outcome outcome = Outcome::kGenuine;
  OutcomeSource source = OutcomeSource::kChargeback;
  std::optional<Seconds> known_at;  ///< Now when absent.
  std::optional<Payment> payment;   ///< Where its keys are given.
  std::string note;
};

/// Fills `feedback`, or says what is wrong.
std::optional<EventFault> read_feedback(std::string_view text,
                                        JsonRowParser& parser,
                                        const CleaningConfig& cleaning,
                                        FeedbackText& feedback);

/// Reads the events of a log. Not to be shared between threads.
class EventReader {
 public:
  using Entry = std::variant<Payment, Feedback, EventFault>;

  explicit EventReader(CleaningConfig cleaning) : cleaning_(std::move(cleaning)) {}

  /// `now`: the time of the log at this event.
  Entry read(const Event& event, Seconds now);
  /// Fields of the last payment whose names are not known.
  std::uint64_t unknown_fields() const { return unknown_fields_; }
  /// The last feedback said when it became known.
  bool timed() const { return timed_; }

 private:
  Entry read_feedback_event(std::string_view text, Seconds now);

  CleaningConfig cleaning_;
  JsonRowParser parser_;
  std::uint64_t unknown_fields_ = 0;
  bool timed_ = false;
};

}  // namespace weir

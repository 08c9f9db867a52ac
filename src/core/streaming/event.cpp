#include "core/streaming/event.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "core/cleaning/rules.h"
#include "core/pipeline/pipeline.h"
#include "core/transaction/calendar.h"

namespace weir {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kSchemaVersion = "1";

std::optional<std::int64_t> integer_of(const ordered_json& value) {
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) return std::nullopt;
  if (value.is_number_integer()) {
    const auto number = value.get<std::int64_t>();
    return number >= 0 ? std::optional(number) : std::nullopt;
  }
  if (value.is_string()) return parse_id(value.get_ref<const std::string&>());
  return std::nullopt;
}

template <typename Value, std::size_t Count>
std::optional<Value> named(const ordered_json& json,
                           const char* field,
                           const std::pair<std::string_view, Value> (&names)[Count]) {
  const auto found = json.find(field);
  if (found == json.end() || !found->is_string()) return std::nullopt;
  for (const auto& [name, value] : names) {
    if (name == found->get_ref<const std::string&>()) return value;
  }
  return std::nullopt;
}

constexpr std::pair<std::string_view, Outcome> kOutcomes[] = {{"genuine", Outcome::kGenuine},
                                                              {"fraud", Outcome::kFraud},
                                                              {"unanswered", Outcome::kUnanswered}};
constexpr std::pair<std::string_view, OutcomeSource> kSources[] = {
    {"chargeback", OutcomeSource::kChargeback},
    {"challenge", OutcomeSource::kChallenge},
    {"analyst", OutcomeSource::kAnalyst},
    {"maturity", OutcomeSource::kMaturity}};

EventFault bad_feedback(std::string field, std::string detail) {
  return {"feedback_invalid", std::move(field), std::move(detail)};
}

std::optional<EventFault> read_fields(const ordered_json& json, FeedbackText& feedback) {
  const auto bad = [](const char* field, std::string_view wanted) {
    return bad_feedback(field, fmt::format("{}: wanted {}", field, wanted));
  };
  if (!json.is_object()) {
    return bad_feedback("row", "the body is no feedback; send one JSON object");
  }
  const auto id = json.find("transaction_id");
  const auto number = id == json.end() ? std::nullopt : integer_of(*id);
  if (!number) return bad("transaction_id", "the id of a payment, a whole number from 0");
  feedback.transaction_id = *number;
  const auto outcome = named(json, "outcome", kOutcomes);
  if (!outcome) return bad("outcome", "one of fraud, genuine, unanswered");
  feedback.outcome = *outcome;
  const auto source = named(json, "source", kSources);
  if (!source) return bad("source", "one of chargeback, challenge, analyst, maturity");
  feedback.source = *source;
  if (const auto known = json.find("known_at"); known != json.end() && !known->is_null()) {
    const auto time =
        known->is_string() ? parse_datetime(known->get_ref<const std::string&>()) : std::nullopt;
    if (!time || *time < kFirstTime || *time >= kLastTime) {
      return bad("known_at", "a time like 2026-11-23T02:14:00Z");
    }
    feedback.known_at = time;
  }
  if (const auto note = json.find("note"); note != json.end() && note->is_string()) {
    feedback.note = note->get<std::string>();
    if (feedback.note.size() > 2000) return bad("note", "at most 2000 bytes");
  }
  return std::nullopt;
}

/// Whether the object has a member `outcome`, as feedback must: a payment has none.
bool may_be_feedback(std::string_view text) {
  // Few letters are an `o`, many a quote: a search for the quote stops at each.
  return text.find("outcome\"") != std::string_view::npos &&
         text.find("\"outcome\"") != std::string_view::npos;
}

}  // namespace

EventFault fault_of(const Reject& reject) {
  EventFault fault = {std::string(rule_id(reject.rule)), std::string(field_name(reject.field)), {}};
  if (reject.field == Field::kRow) {
    fault.detail = fmt::format("the body is no payment: {}; send one JSON object", reject.value);
  } else if (reject.rule == Rule::kFieldCount) {
    fault.detail = fmt::format("{} is {}; send it once", fault.field, reject.value);
  } else {
    fault.detail =
        fmt::format("{} is \"{}\": {}", fault.field, reject.value, text_of(reject.rule).finds);
  }
  return fault;
}

std::optional<EventFault> read_feedback(std::string_view text,
                                        JsonRowParser& parser,
                                        const CleaningConfig& cleaning,
                                        FeedbackText& feedback) {
  const auto json = ordered_json::parse(text, nullptr, false);
  if (auto fault = read_fields(json, feedback)) return fault;
  if (!json.contains("customer_id") && !json.contains("terminal_id")) return std::nullopt;
  const auto cleaned = parser.clean(text, cleaning);
  if (const auto* reject = std::get_if<Reject>(&cleaned)) return fault_of(*reject);
  feedback.payment = std::get<CleanedPayment>(cleaned).payment;
  return std::nullopt;
}

EventReader::Entry EventReader::read(const Event& event, Seconds now) {
  unknown_fields_ = 0;
  if (!event.value) return EventFault{"null_event", "row", "the event has no value"};
  if (event.schema.value_or(kSchemaVersion) != kSchemaVersion) {
    return EventFault{"schema_unknown", "schema_version",
                      fmt::format("schema_version is \"{}\": this build reads {}", *event.schema,
                                  kSchemaVersion)};
  }
  if (event.value->starts_with('\0')) {
    return EventFault{"schema_unknown", "row",
                      "the event is in a schema registry's binary format; this build reads JSON"};
  }
  if (may_be_feedback(*event.value)) return read_feedback_event(*event.value, now);
  const auto cleaned = parser_.clean(*event.value, cleaning_);
  unknown_fields_ = parser_.unknown_fields();
  if (const auto* reject = std::get_if<Reject>(&cleaned)) return fault_of(*reject);
  return std::get<CleanedPayment>(cleaned).payment;
}

EventReader::Entry EventReader::read_feedback_event(std::string_view text, Seconds now) {
  FeedbackText read;
  if (auto fault = read_feedback(text, parser_, cleaning_, read)) return *std::move(fault);
  if (!read.payment) {
    return bad_feedback("customer_id",
                        "feedback in the log carries its payment's customer_id, terminal_id, "
                        "event_time and amount");
  }
  Feedback feedback;
  feedback.payment = *read.payment;
  feedback.outcome = read.outcome;
  feedback.source = read.source;
  feedback.known_at = read.known_at.value_or(now);
  timed_ = read.known_at.has_value();
  const bool in_future = feedback.known_at > now + PipelineOptions{}.max_future_skew;
  if (in_future || feedback.known_at < feedback.payment.event_time) {
    return bad_feedback(
        "known_at", in_future ? "known_at lies in the future" : "known_at is before the payment");
  }
  return feedback;
}

}  // namespace weir

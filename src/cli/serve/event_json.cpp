#include "cli/serve/event_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "core/cleaning/rules.h"
#include "core/transaction/calendar.h"

namespace weir::cli {
namespace {

using http::Problem;
using nlohmann::ordered_json;

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

std::optional<Problem> read_fields(const ordered_json& json, FeedbackRequest& feedback) {
  const auto bad = [](const char* field, std::string_view wanted) {
    return Problem{422, "feedback_invalid", fmt::format("{}: wanted {}", field, wanted), field};
  };
  if (!json.is_object()) {
    return Problem{400, "feedback_invalid", "the body is no feedback; send one JSON object",
                   std::nullopt};
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

}  // namespace

Problem problem_of(const Reject& reject) {
  Problem problem;
  problem.status = reject.rule == Rule::kFieldCount && reject.field == Field::kRow ? 400 : 422;
  problem.type = rule_id(reject.rule);
  if (reject.field == Field::kRow) {
    problem.detail = fmt::format("the body is no payment: {}; send one JSON object", reject.value);
  } else if (reject.rule == Rule::kFieldCount) {
    problem.detail = fmt::format("{} is {}; send it once", field_name(reject.field), reject.value);
  } else {
    problem.detail = fmt::format("{} is \"{}\": {}", field_name(reject.field), reject.value,
                                 text_of(reject.rule).finds);
  }
  if (reject.field != Field::kRow) problem.field = field_name(reject.field);
  return problem;
}

std::optional<Problem> read_feedback(std::string_view text,
                                     JsonRowParser& parser,
                                     const CleaningConfig& cleaning,
                                     FeedbackRequest& feedback) {
  const auto json = ordered_json::parse(text, nullptr, false);
  if (auto problem = read_fields(json, feedback)) return problem;
  if (!json.contains("customer_id") && !json.contains("terminal_id")) return std::nullopt;
  const auto cleaned = parser.clean(text, cleaning);
  if (const auto* reject = std::get_if<Reject>(&cleaned)) return problem_of(*reject);
  feedback.payment = std::get<CleanedPayment>(cleaned).payment;
  return std::nullopt;
}

}  // namespace weir::cli

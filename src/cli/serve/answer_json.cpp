#include "cli/serve/answer_json.h"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli/serve/log_entry.h"
#include "core/streaming/decision_json.h"
#include "core/transaction/calendar.h"
#include "core/transaction/money.h"

namespace weir::cli {
namespace {

using journal::Record;

void append_fields(std::string& out, const Record& record) {
  append_decision_fields(out, decision_of(record),
                         {record.reasons, record.model, record.arm,
                          (record.degraded & journal::kDegradedNoReasons) != 0,
                          (record.degraded & journal::kDegradedNoChallenger) != 0,
                          (record.degraded & journal::kDegradedRules) != 0});
}

/// What split_json_array looks at outside strings.
constexpr std::array<bool, 256> kStructural = [] {
  std::array<bool, 256> marks{};
  for (const char letter : {'"', '{', '[', '}', ']', ','}) {
    marks[static_cast<unsigned char>(letter)] = true;
  }
  return marks;
}();

bool is_space(char letter) {
  return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r';
}

}  // namespace

void append_decision(std::string& out, const Record& record) {
  out += '{';
  append_fields(out, record);
  out += '}';
}

void append_unrecorded(std::string& out, const Record& record) {
  const bool rules = (record.degraded & journal::kDegradedRules) != 0;
  fmt::format_to(std::back_inserter(out),
                 "{{\"transaction_id\":{},\"decision\":\"{}\",\"degraded\":[{}\"not_recorded\"]}}",
                 record.payment.transaction_id, action_name(record.action),
                 rules ? "\"rules\"," : "");
}

void append_decision_with_payment(std::string& out, const Record& record) {
  out += '{';
  append_fields(out, record);
  fmt::format_to(std::back_inserter(out), ",\"logged_at\":\"{}\",\"payment\":{{",
                 rfc3339(record.logged_at));
  append_payment_fields(out, record.payment);
  out += "}}";
}

void append_payment_fields(std::string& out, const Payment& payment) {
  fmt::format_to(std::back_inserter(out),
                 "\"transaction_id\":{},\"event_time\":\"{}\",\"customer_id\":{},"
                 "\"terminal_id\":{},\"amount\":\"{}\"",
                 payment.transaction_id, rfc3339(payment.event_time), payment.customer_id,
                 payment.terminal_id, format_amount(payment.amount_minor));
}

void append_feedback(std::string& out, const Record& record) {
  fmt::format_to(std::back_inserter(out),
                 "{{\"transaction_id\":{},\"outcome\":\"{}\",\"source\":\"{}\",\"known_at\":\"{}\","
                 "\"logged_at\":\"{}\",\"position\":{}",
                 record.payment.transaction_id, outcome_name(record.outcome),
                 source_name(record.source), rfc3339(record.known_at), rfc3339(record.logged_at),
                 record.position);
  if (!record.note.empty()) {
    out += ",\"note\":";
    append_json_text(out, record.note);
  }
  out += '}';
}

std::string rfc3339(Seconds time) {
  std::string text = format_datetime(time);
  text[10] = 'T';
  return text + 'Z';
}

void append_json_text(std::string& out, std::string_view text) {
  out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool split_json_array(std::string_view json,
                      std::size_t most,
                      std::vector<std::string_view>& elements) {
  elements.clear();
  while (!json.empty() && is_space(json.back())) json.remove_suffix(1);
  while (!json.empty() && is_space(json.front())) json.remove_prefix(1);
  if (json.size() < 2 || json.front() != '[' || json.back() != ']') return false;
  json = json.substr(1, json.size() - 2);
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (!kStructural[static_cast<unsigned char>(json[at])]) continue;
    switch (json[at]) {
      case '"':
        for (++at; at < json.size() && json[at] != '"'; ++at) {
          if (json[at] == '\\') ++at;
        }
        if (at >= json.size()) return false;
        break;
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        if (--depth < 0) return false;
        break;
      case ',':
        if (depth != 0) break;
        if (elements.size() + 1 >= most) return false;
        elements.push_back(json.substr(begin, at - begin));
        begin = at + 1;
        break;
      default:
        break;
    }
  }
  const std::string_view last = json.substr(begin);
  const bool blank = last.find_first_not_of(" \t\r\n") == std::string_view::npos;
  if (depth != 0 || (blank && !elements.empty())) return false;
  if (!blank) elements.push_back(last);
  return true;
}

}  // namespace weir::cli

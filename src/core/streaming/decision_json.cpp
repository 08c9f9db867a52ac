#include "core/streaming/decision_json.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/decision/reasons.h"

namespace weir {
namespace {

constexpr std::size_t kMaxReasons = 3;

void append_degraded(std::string& out, const DecisionContext& context) {
  if (!context.no_reasons && !context.no_challenger && !context.rules) return;
  out += ",\"degraded\":[";
  if (context.no_reasons) out += "\"no_reasons\",";
  if (context.no_challenger) out += "\"no_challenger\",";
  if (context.rules) out += "\"rules\",";
  out.back() = ']';
}

/// As the JSON library writes it, which makes half a dozen objects for a text.
void append_text(std::string& out, std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char letter) {
    return letter >= ' ' && letter < 0x7f && letter != '"' && letter != '\\';
  });
  if (!plain) {
    out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return;
  }
  out += '"';
  out += text;
  out += '"';
}

/// Of a few digits after the point; likewise.
void append_number(std::string& out, double number) {
  const std::size_t begin = out.size();
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), number);
  if (out.find_first_of(".en", begin) == std::string::npos) out += ".0";
}

}  // namespace

void append_decision_fields(std::string& out,
                            const Decision& decision,
                            const DecisionContext& context) {
  fmt::format_to(std::back_inserter(out),
                 FMT_COMPILE("\"transaction_id\":{},\"decision\":\"{}\",\"fraud_probability\":{},"
                             "\"score\":{},\"reasons\":"),
                 decision.transaction_id, action_name(decision.action), decision.probability,
                 decision.score);
  out += context.reasons.empty() ? std::string_view("[]") : context.reasons;
  fmt::format_to(
      std::back_inserter(out),
      FMT_COMPILE(",\"late\":{},\"model_version\":\"{}\",\"arm\":\"{}\",\"position\":{}"),
      decision.late, context.model, context.arm, decision.position);
  if (decision.beliefs.known()) {
    fmt::format_to(std::back_inserter(out),
                   FMT_COMPILE(",\"cause\":\"{}\",\"review\":{},\"audit_probability\":{},"
                               "\"beliefs\":{{\"model\":{},\"takeover\":{},\"card\":{},"
                               "\"terminal\":{}}}"),
                   cause_name(decision.cause), decision.review, decision.audit_probability,
                   decision.beliefs.model, decision.beliefs.takeover, decision.beliefs.card,
                   decision.beliefs.terminal);
  }
  append_degraded(out, context);
}

std::string reasons_json(const TreeShap& shap,
                         const FeatureSpec& spec,
                         std::span<const float> row) {
  std::string out = "[";
  for (const Reason& reason : top_reasons(shap, spec, row, kMaxReasons)) {
    out += out.size() == 1 ? "{\"code\":" : ",{\"code\":";
    append_text(out, reason.code);
    out += ",\"sentence\":";
    append_text(out, reason.sentence);
    out += ",\"weight\":";
    append_number(out, std::round(reason.weight * 1e4) / 1e4);
    out += '}';
  }
  return out + ']';
}

}  // namespace weir

// What analysts and the console read: lists, explanations, the summary, the page itself.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

#include "cli/serve/answer_json.h"
#include "cli/serve/console_page.h"
#include "cli/serve/cost_explanation.h"
#include "cli/serve/rest_handler.h"
#include "core/cleaning/clean_row.h"
#include "core/decision/reasons.h"
#include "core/model/contributions.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/money.h"

namespace weir::cli {
namespace {

using http::Problem;
using http::query_value;
using http::Request;
using http::Response;
using http::set_problem;
using journal::Record;
using journal::RecordKind;
using nlohmann::ordered_json;

constexpr std::int64_t kMostListed = 500;

/// The whole number of a query parameter. False with a problem for anything else.
bool read_number(const Request& request,
                 const char* name,
                 std::optional<std::int64_t>& number,
                 Response& response) {
  const auto text = query_value(request.query, name);
  if (!text) return true;
  number = parse_id(*text);
  if (number) return true;
  set_problem(response, {422, "query_invalid", fmt::format("{} is no whole number from 0", name),
                         std::string(name)});
  return false;
}

/// By how much log-odds the score missed the thresholds; nothing for a policy without them.
ordered_json thresholds(const LoadedModel& model, const Record& record) {
  if (model.pipeline.loop() != nullptr) return nullptr;
  try {
    const Policy policy = Policy::parse(model.bundle.policy_toml, "policy.toml");
    return {{"challenge_from_score", policy.challenge_margin},
            {"decline_from_score", policy.decline_margin},
            {"score", record.margin}};
  } catch (const Error&) {
    return nullptr;
  }
}

/// What is expected to be lost if the likelier of fraud and genuine is taken for sure: largest
/// where a look can change most.
double stake(const Record& record) {
  return std::min(record.probability, 1 - record.probability) *
         static_cast<double>(record.payment.amount_minor);
}

}  // namespace

void RestHandler::list_decisions(const Request& request, Response& response) {
  std::optional<std::int64_t> after;
  std::optional<std::int64_t> customer;
  std::optional<std::int64_t> terminal;
  std::optional<std::int64_t> limit;
  if (!read_number(request, "after", after, response) ||
      !read_number(request, "customer_id", customer, response) ||
      !read_number(request, "terminal_id", terminal, response) ||
      !read_number(request, "limit", limit, response)) {
    return;
  }
  const auto action = query_value(request.query, "decision");
  const bool review = query_value(request.query, "review") == "1";
  const bool by_stake = query_value(request.query, "order") == "stake";
  const std::int64_t most = std::clamp<std::int64_t>(limit.value_or(50), 1, kMostListed);
  std::unordered_set<std::int64_t> reviewed;
  const auto& recent = service_.recent();
  std::vector<const Record*> listed;
  const auto full = [&] { return !by_stake && listed.size() == static_cast<std::size_t>(most); };
  for (std::size_t i = 0; i < recent.size() && !full(); ++i) {
    const Record* record = &recent.newest(i);
    if (after && record->position <= static_cast<std::uint64_t>(*after)) break;
    if (record->kind == RecordKind::kFeedback) {
      // The queue holds what nobody has answered yet.
      if (record->source != OutcomeSource::kMaturity)
        reviewed.insert(record->payment.transaction_id);
      continue;
    }
    if (record->kind != RecordKind::kPayment) continue;
    const Payment& payment = record->payment;
    const bool wanted = record->rejected.empty() &&
                        (!customer || payment.customer_id == *customer) &&
                        (!terminal || payment.terminal_id == *terminal) &&
                        (!action || action_name(record->action) == *action) &&
                        (!review || ((record->action != Action::kApprove || record->review) &&
                                     !reviewed.contains(payment.transaction_id)));
    if (wanted) listed.push_back(record);
  }
  if (by_stake) {
    std::stable_sort(listed.begin(), listed.end(), [](const auto* first, const auto* second) {
      return stake(*first) > stake(*second);
    });
    listed.resize(std::min(listed.size(), static_cast<std::size_t>(most)));
  }
  response.body = "{\"decisions\":[";
  for (const Record* record : listed) {
    if (record != listed.front()) response.body += ',';
    append_decision_with_payment(response.body, *record);
  }
  fmt::format_to(std::back_inserter(response.body), "],\"position\":{}}}", service_.position());
}

void RestHandler::explain(const Request& request, Response& response) {
  const auto id = parse_id(request.path.substr(request.path.rfind('/') + 1));
  if (!id) {
    return set_problem(response, {422, "not_a_number",
                                  "the last part of the path is no transaction_id; wanted digits",
                                  "transaction_id"});
  }
  const auto record = service_.find(*id);
  if (!record || !record->rejected.empty()) {
    return set_problem(
        response, {404, "unknown_payment",
                   fmt::format("no decision on payment {} is recorded", *id), "transaction_id"});
  }
  const LoadedModel* decided_by = service_.model_of(record->model);
  append_decision_with_payment(response.body, *record);
  ordered_json more;
  more["reasons_of_this_model"] = decided_by != nullptr;
  more["all_reasons"] = ordered_json::array();
  more["inputs"] = ordered_json::object();
  if (decided_by != nullptr) {
    const LoadedModel& model = *decided_by;
    std::vector<double> weights(record->features.size() + 1);
    model.shap.contributions(record->features, weights);
    for (const Reason& reason : all_reasons(model.bundle.features, record->features, weights)) {
      more["all_reasons"].push_back(
          {{"code", reason.code}, {"sentence", reason.sentence}, {"weight", reason.weight}});
    }
    more["bias"] = weights.back();
    for (std::size_t i = 0; i < record->features.size(); ++i) {
      more["inputs"][model.bundle.features.names()[i]] = record->features[i];
    }
    more["thresholds"] = thresholds(model, *record);
    more["expected_costs"] =
        explain_costs(model, *record, service_.control_before(record->position));
  }
  if (!record->shadow_model.empty()) {
    more["other_model"] = {{"model_version", record->shadow_model},
                           {"decision", action_name(record->shadow_action)},
                           {"fraud_probability", record->shadow_probability}};
  }
  more["feedback"] = ordered_json::array();
  for (const Record& feedback : service_.find_feedback(*id)) {
    std::string text;
    append_feedback(text, feedback);
    more["feedback"].push_back(ordered_json::parse(text));
  }
  const std::string text = more.dump();
  response.body.back() = ',';
  response.body += std::string_view(text).substr(1);
}

void RestHandler::summary(const Request&, Response& response) {
  const ServiceTally& tally = service_.tally();
  const ServiceTally::Day month = tally.month();
  ordered_json json;
  json["position"] = service_.position();
  json["now"] = rfc3339(service_.now());
  json["started_at"] = rfc3339(service_.started_at());
  std::array<std::uint64_t, 3> actions{};
  for (const auto& [by, counts] : tally.decisions) {
    for (std::size_t i = 0; i < counts.size(); ++i) actions[i] += counts[i];
  }
  json["decisions"] = {{"approve", actions[0]}, {"challenge", actions[1]}, {"decline", actions[2]}};
  json["repeated"] = tally.repeated;
  json["rejected"] = ordered_json::object();
  for (const auto& [rule, count] : tally.rejected) json["rejected"][rule] = count;
  json["month"] = {
      {"expected_damage", format_amount(static_cast<std::int64_t>(month.expected_minor))},
      {"confirmed_damage", format_amount(static_cast<std::int64_t>(month.confirmed_minor))},
      {"budget", format_amount(static_cast<std::int64_t>(options_.damage_budget_minor))},
      {"payments", month.payments},
      {"touched", month.touched}};
  json["budgets"] = nullptr;
  if (const BudgetController* controller = service_.budgets()) {
    const auto usage = controller->usage();
    const MoneyPolicy& policy = controller->policy();
    json["budgets"] = {
        {"touched", {{"used", usage.touched}, {"limit", policy.false_positive_rate}}},
        {"lost", {{"used", usage.lost}, {"limit", policy.lost_genuine_rate}}},
        {"challenges_per_day", {{"used", usage.challenges}, {"limit", policy.challenges_per_day}}},
        {"multiplier", service_.champion().pipeline.loop()->multiplier()}};
  }
  json["degraded"] = {{"no_reasons", tally.no_reasons},
                      {"no_challenger", tally.no_challenger},
                      {"rules", tally.rules}};
  json["score_drift"] = service_.drift().score();
  json["model_version"] = service_.champion().version();
  json["model_card"] = service_.champion().bundle.card;
  response.body = json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

void RestHandler::openapi(const Request&, Response& response) {
  static const std::string document = openapi_json();
  response.body = document;
}

void RestHandler::console(const Request&, Response& response) {
  response.content_type = "text/html; charset=utf-8";
  response.body = console_page();
  response.headers =
      "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src "
      "'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\n";
}

}  // namespace weir::cli

#include "cli/serve/rest_handler.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "cli/serve/admin_handler.h"
#include "cli/serve/answer_json.h"
#include "cli/serve/event_json.h"
#include "core/cleaning/rules.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"

namespace weir::cli {
namespace {

using http::Problem;
using http::Request;
using http::Response;
using http::set_problem;
using nlohmann::ordered_json;

/// Every answer that is none, as a problem.
Problem problem_of(const ServiceAnswer& answer) {
  const std::int64_t id = answer.record.payment.transaction_id;
  switch (answer.kind) {
    case ServiceAnswer::Kind::kConflict:
      return {409, "duplicate_id",
              fmt::format(
                  "{} {} is recorded at position {} with other content; send what is new "
                  "under another transaction_id or known_at",
                  answer.record.kind == journal::RecordKind::kPayment ? "payment" : "feedback on",
                  id, answer.record.position),
              "transaction_id"};
    case ServiceAnswer::Kind::kRejected:
      return {422, answer.detail,
              fmt::format("payment {}: {}; its time is {}", id,
                          text_of(find_rule(answer.detail).value_or(Rule::kFieldCount)).finds,
                          format_datetime(answer.record.payment.event_time)),
              answer.detail == "time_in_future" ? "event_time" : "transaction_id"};
    case ServiceAnswer::Kind::kUnknown:
      return {404, "unknown_payment",
              "no payment with this transaction_id is recorded; send its customer_id, terminal_id, "
              "event_time and amount with the feedback",
              "transaction_id"};
    case ServiceAnswer::Kind::kMistimed:
      return {422, "feedback_invalid",
              fmt::format("known_at of the feedback on {} {}; send when the outcome became known",
                          id, answer.detail),
              "known_at"};
    default:
      return {503, "not_recorded", answer.detail + "; send the request again", std::nullopt, 1};
  }
}

/// Steady microseconds, for what a request took.
double steady_us() {
  return std::chrono::duration<double, std::micro>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

std::string_view endpoint_name(Endpoint endpoint) {
  constexpr std::string_view kNames[] = {
      "decide",  "decide_batch", "find_decision", "list_decisions", "explain",
      "summary", "feedback",     "model",         "reload_model",   "health",
      "ready",   "metrics",      "openapi",       "console",        "other"};
  static_assert(std::size(kNames) == kEndpointCount);
  return kNames[static_cast<std::size_t>(endpoint)];
}

void RequestTally::add(Endpoint endpoint,
                       const Request& request,
                       const Response& response,
                       double seconds) {
  OfEndpoint& tally = endpoints[static_cast<std::size_t>(endpoint)];
  ++tally.by_status[response.status];
  tally.seconds.observe(seconds);
  tally.request_bytes += request.body.size();
  tally.response_bytes += response.body.size();
}

RestHandler::RestHandler(DecisionService& service, RestOptions options, RequestTally& tally)
    : service_(service), options_(std::move(options)), tally_(tally) {}

void RestHandler::refused(const Response& response) {
  tally_.add(Endpoint::kOther, {}, response, 0);
}

const std::vector<RestHandler::Route>& RestHandler::routes() {
  using http::kAdmin, http::kAnalyst, http::kFeedback, http::kScorer;
  constexpr std::uint8_t kReaders = kScorer | kFeedback | kAnalyst;
  static const std::vector<Route> instance = {
      {"/v1/decisions", "POST", Endpoint::kDecide, kScorer, &RestHandler::decide,
       "Decide on one payment"},
      {"/v1/decisions/batch", "POST", Endpoint::kDecideBatch, kScorer, &RestHandler::decide_batch,
       "Decide on up to 1000 payments, each on its own"},
      {"/v1/decisions/", "GET", Endpoint::kFindDecision, kScorer | kAnalyst,
       &RestHandler::find_decision, "The recorded decision on a payment, with its feedback"},
      {"/v1/decisions", "GET", Endpoint::kListDecisions, kAnalyst, &RestHandler::list_decisions,
       "The newest decisions; also the review queue"},
      {"/v1/explanations/", "GET", Endpoint::kExplain, kAnalyst, &RestHandler::explain,
       "All reasons of a decision, its inputs and what would have changed it"},
      {"/v1/feedback", "POST", Endpoint::kFeedback, kFeedback | kAnalyst, &RestHandler::feedback,
       "Tell the outcome of a payment"},
      {"/v1/summary", "GET", Endpoint::kSummary, kAnalyst, &RestHandler::summary,
       "Rates, and the month's damage against its budget"},
      {"/v1/model", "GET", Endpoint::kModel, kReaders, &RestHandler::model, "The models in use"},
      {"/v1/model/reload", "POST", Endpoint::kReloadModel, kAdmin, &RestHandler::reload_model,
       "Read the bundle folders again; /v1/model tells what came of it"},
      {"/healthz", "GET", Endpoint::kHealth, 0, &RestHandler::health, "The process lives"},
      {"/readyz", "GET", Endpoint::kReady, 0, &RestHandler::ready, "Payments are answered"},
      {"/openapi.json", "GET", Endpoint::kOpenApi, 0, &RestHandler::openapi, "This document"},
      {"/", "GET", Endpoint::kConsole, 0, &RestHandler::console, "The console, a page for people"},
  };
  return instance;
}

bool RestHandler::allowed(const Route& route, const Request& request, Response& response) const {
  if (!options_.keys || route.roles == 0) return true;
  const auto header = request.header("Authorization");
  const auto key = header ? http::bearer_key(*header) : std::nullopt;
  const std::uint8_t roles = key ? options_.keys->roles_of(*key) : std::uint8_t{http::kNobody};
  if (roles == http::kNobody) {
    set_problem(response,
                {401, "no_key", key ? "this key is not known" : "send `Authorization: Bearer KEY`",
                 "Authorization"});
    return false;
  }
  if ((roles & (route.roles | http::kAdmin)) != 0) return true;
  set_problem(response, {403, "missing_role", "this key has no role that may call this endpoint",
                         "Authorization"});
  return false;
}

void RestHandler::handle(const Request& request, Response& response) {
  const double start = steady_us();
  const Endpoint endpoint = route(request, response);
  const double taken = (steady_us() - start) * 1e-6;
  if (endpoint == Endpoint::kDecide || endpoint == Endpoint::kDecideBatch) {
    fmt::format_to(std::back_inserter(response.headers),
                   FMT_COMPILE("Server-Timing: decide;dur={:.4f}\r\n"), taken * 1e3);
  }
  tally_.add(endpoint, request, response, taken);
}

Endpoint RestHandler::route(const Request& request, Response& response) {
  Endpoint endpoint = Endpoint::kOther;
  try {
    const std::string_view method = request.method == "HEAD" ? "GET" : request.method;
    std::string allow;
    for (const Route& route : routes()) {
      const bool fits = route.path.back() == '/' && route.path.size() > 1
                            ? request.path.size() > route.path.size() &&
                                  request.path.starts_with(route.path) &&
                                  request.path.find('/', route.path.size()) == std::string::npos &&
                                  request.path != "/v1/decisions/batch"
                            : request.path == route.path;
      if (!fits) continue;
      if (route.method != method) {
        if (!allow.empty()) allow += ", ";
        allow += route.method;
        continue;
      }
      endpoint = route.endpoint;
      if (allowed(route, request, response)) (this->*route.call)(request, response);
      return endpoint;
    }
    if (!allow.empty()) {
      set_problem(response, {405, "wrong_method",
                             fmt::format("{} takes {} here", request.path, allow), std::nullopt});
      response.headers += fmt::format("Allow: {}\r\n", allow);
      return endpoint;
    }
    set_problem(response, {404, "no_such_endpoint",
                           fmt::format("{} is no endpoint; /openapi.json lists them", request.path),
                           std::nullopt});
  } catch (const std::exception& error) {
    // A fault of this machine, such as a disk that cannot be read: one answer, not the process.
    const std::uint64_t ticket = response.ticket;
    response.clear();
    response.ticket = ticket;
    set_problem(response, {503, "fault", error.what(), std::nullopt, 1});
  }
  return endpoint;
}

std::optional<Problem> RestHandler::decide_one(std::string_view json,
                                               std::string& out,
                                               std::uint64_t& ticket) {
  const auto cleaned = parser_.clean(json, options_.cleaning);
  tally_.unknown_fields += parser_.unknown_fields();
  if (const auto* reject = std::get_if<Reject>(&cleaned)) {
    service_.count_reject(rule_id(reject->rule));
    return problem_of(*reject);
  }
  const ServiceAnswer answer = service_.decide(std::get<CleanedPayment>(cleaned).payment);
  ticket = std::max(ticket, answer.ticket);
  if (answer.kind != ServiceAnswer::Kind::kDone && answer.kind != ServiceAnswer::Kind::kRepeated) {
    return problem_of(answer);
  }
  append_decision(out, answer.record);
  return std::nullopt;
}

bool RestHandler::is_json(const Request& request, Response& response) {
  const auto type = request.header("Content-Type");
  if (type && type->starts_with("application/json")) return true;
  set_problem(response, {415, "not_json", "send Content-Type: application/json", "Content-Type"});
  return false;
}

void RestHandler::decide(const Request& request, Response& response) {
  if (!is_json(request, response)) return;
  if (const auto problem = decide_one(request.body, response.body, response.ticket)) {
    set_problem(response, *problem);
  }
}

void RestHandler::decide_batch(const Request& request, Response& response) {
  if (!is_json(request, response)) return;
  if (!split_json_array(request.body, options_.batch_payments + 1, elements_) ||
      elements_.size() > options_.batch_payments) {
    return set_problem(response, {400, "batch_invalid",
                                  fmt::format("the body is no JSON array of at most {} payments",
                                              options_.batch_payments),
                                  std::nullopt});
  }
  response.body = "{\"results\":[";
  for (std::size_t i = 0; i < elements_.size(); ++i) {
    if (i != 0) response.body += ',';
    if (const auto problem = decide_one(elements_[i], response.body, response.ticket)) {
      response.body += http::problem_json(*problem);
    }
  }
  response.body += "]}";
}

void RestHandler::find_decision(const Request& request, Response& response) {
  const std::string_view text = request.path.substr(std::string_view("/v1/decisions/").size());
  const auto id = parse_id(text);
  if (!id) {
    return set_problem(response, {422, "not_a_number",
                                  "the last part of the path is no transaction_id; wanted digits",
                                  "transaction_id"});
  }
  const auto found = service_.find(*id);
  if (!found || !found->rejected.empty()) {
    return set_problem(
        response, {404, "unknown_payment",
                   fmt::format("no decision on payment {} is recorded", *id), "transaction_id"});
  }
  append_decision_with_payment(response.body, *found);
  response.body.pop_back();
  response.body += ",\"feedback\":[";
  bool first = true;
  for (const auto& record : service_.find_feedback(*id)) {
    if (!std::exchange(first, false)) response.body += ',';
    append_feedback(response.body, record);
  }
  response.body += "]}";
}

void RestHandler::feedback(const Request& request, Response& response) {
  if (!is_json(request, response)) return;
  FeedbackRequest feedback;
  if (const auto problem = read_feedback(request.body, parser_, options_.cleaning, feedback)) {
    return set_problem(response, *problem);
  }
  const ServiceAnswer answer = service_.feedback(feedback);
  response.ticket = answer.ticket;
  if (answer.kind != ServiceAnswer::Kind::kDone && answer.kind != ServiceAnswer::Kind::kRepeated) {
    return set_problem(response, problem_of(answer));
  }
  append_feedback(response.body, answer.record);
}

void RestHandler::health(const Request&, Response& response) { answer_health(response); }

void RestHandler::ready(const Request&, Response& response) { answer_ready(service_, response); }

}  // namespace weir::cli

#include "cli/serve/rest_handler.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
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
                       std::size_t request_bytes,
                       const Response& response,
                       double seconds) {
  OfEndpoint& tally = endpoints[static_cast<std::size_t>(endpoint)];
  ++tally.by_status[response.status];
  tally.seconds.observe(seconds);
  tally.request_bytes += request_bytes;
  tally.response_bytes += response.body.size();
}

RestHandler::RestHandler(ServiceView& service, RestOptions options, RequestTally& tally)
    : options_(std::move(options)), tally_(tally), service_(service) {}

void RestHandler::refused(const Response& response) {
  tally_.add(Endpoint::kOther, 0, response, 0);
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
  if (log_requests_) log_request(endpoint, request, response, taken);
  if (!response.deferred) tally_.add(endpoint, request.body.size(), response, taken);
}

/// Ids and what was decided, nothing else of a payment: neither bodies nor queries nor keys.
void RestHandler::log_request(Endpoint endpoint,
                              const Request& request,
                              const Response& response,
                              double seconds) const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  std::string line = fmt::format(
      R"({{"time":"{}.{:06}Z","method":"{}","endpoint":"{}","status":{},"request_bytes":{},)"
      R"("response_bytes":{},"seconds":{:.6f})",
      rfc3339(micros / 1'000'000).substr(0, 19), micros % 1'000'000, request.method,
      endpoint_name(endpoint), response.status, request.body.size(), response.body.size(), seconds);
  const std::string_view body = response.body;
  constexpr std::string_view kId = R"({"transaction_id":)";
  if (response.deferred) {
    line += R"(,"deferred":true)";
  } else if (response.status == 200 && body.starts_with(kId)) {
    const auto end = body.find(',');
    line += fmt::format(R"(,"transaction_id":{})", body.substr(kId.size(), end - kId.size()));
    constexpr std::string_view kDecision = R"(,"decision":")";
    if (body.substr(std::min(end, body.size())).starts_with(kDecision)) {
      const auto from = end + kDecision.size();
      line += fmt::format(R"(,"decision":"{}")", body.substr(from, body.find('"', from) - from));
    }
  }
  line += "}\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
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

bool RestHandler::is_json(const Request& request, Response& response) {
  const auto type = request.header("Content-Type");
  if (type && type->starts_with("application/json")) return true;
  set_problem(response, {415, "not_json", "send Content-Type: application/json", "Content-Type"});
  return false;
}

bool RestHandler::split_batch(const Request& request, Response& response) {
  if (split_json_array(request.body, options_.batch_payments + 1, elements_) &&
      elements_.size() <= options_.batch_payments) {
    return true;
  }
  set_problem(response, {400, "batch_invalid",
                         fmt::format("the body is no JSON array of at most {} payments",
                                     options_.batch_payments),
                         std::nullopt});
  return false;
}

std::optional<Payment> RestHandler::read_payment(std::string_view json,
                                                 std::optional<Problem>& problem) {
  const auto cleaned = parser_.clean(json, options_.cleaning);
  tally_.unknown_fields += parser_.unknown_fields();
  if (const auto* reject = std::get_if<Reject>(&cleaned)) {
    service_.count_reject(rule_id(reject->rule));
    problem = problem_of(*reject);
    return std::nullopt;
  }
  return std::get<CleanedPayment>(cleaned).payment;
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

void RestHandler::health(const Request&, Response& response) { answer_health(response); }

void RestHandler::ready(const Request&, Response& response) { answer_ready(service_, response); }

}  // namespace weir::cli

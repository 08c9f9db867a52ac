// The OpenAPI document, made from the table of routes that the requests go through.
#include <nlohmann/json.hpp>
#include <string>

#include "cli/serve/rest_handler.h"

namespace weir::cli {
namespace {

using nlohmann::ordered_json;

ordered_json schema(const char* name) {
  return {{"$ref", std::string("#/components/schemas/") + name}};
}

ordered_json content(const char* type, ordered_json of) {
  return {{type, {{"schema", std::move(of)}}}};
}

ordered_json answer(const char* description, ordered_json of) {
  return {{"description", description}, {"content", content("application/json", std::move(of))}};
}

ordered_json body(ordered_json of) {
  return {{"required", true}, {"content", content("application/json", std::move(of))}};
}

const ordered_json kIdSchema = {
    {"description", "A whole number from 0, as a number or as text of digits"},
    {"oneOf",
     {{{"type", "integer"}, {"minimum", 0}, {"maximum", INT64_MAX}},
      {{"type", "string"}, {"pattern", "^[0-9]{1,18}$"}}}}};

ordered_json schemas() {
  ordered_json payment = {
      {"type", "object"},
      {"required", {"transaction_id", "event_time", "customer_id", "terminal_id", "amount"}},
      {"properties",
       {{"transaction_id", kIdSchema},
        {"event_time",
         {{"type", "string"},
          {"format", "date-time"},
          {"description", "RFC 3339; at most 5 minutes ahead of the service's clock"}}},
        {"customer_id", kIdSchema},
        {"terminal_id", kIdSchema},
        {"amount",
         {{"description", "Roubles with at most two digits after the point; read exactly"},
          {"oneOf",
           {{{"type", "string"}, {"pattern", "^[0-9]{1,10}(\\.[0-9]{1,2})?$"}},
            {{"type", "number"}, {"minimum", 0}, {"maximum", 1e11}, {"multipleOf", 0.01}}}}}}}},
      {"example",
       {{"transaction_id", 1000001},
        {"event_time", "2026-11-23T02:50:00Z"},
        {"customer_id", 5},
        {"terminal_id", 2},
        {"amount", "57.16"}}}};
  ordered_json reason = {{"type", "object"},
                         {"required", {"code", "sentence", "weight"}},
                         {"properties",
                          {{"code", {{"type", "string"}}},
                           {"sentence", {{"type", "string"}}},
                           {"weight", {{"type", "number"}, {"description", "Log-odds added"}}}}}};
  ordered_json decision = {
      {"type", "object"},
      {"required",
       {"transaction_id", "decision", "fraud_probability", "score", "reasons", "late",
        "model_version", "arm", "position"}},
      {"properties",
       {{"transaction_id", {{"type", "integer"}}},
        {"decision", {{"enum", {"approve", "challenge", "decline"}}}},
        {"fraud_probability", {{"type", "number"}, {"minimum", 0}, {"maximum", 1}}},
        {"score", {{"type", "number"}, {"description", "Log-odds: ranks payments"}}},
        {"reasons",
         {{"type", "array"},
          {"items", schema("reason")},
          {"description", "The strongest for fraud; of what is not approved"}}},
        {"late", {{"type", "boolean"}}},
        {"model_version", {{"type", "string"}}},
        {"arm", {{"enum", {"champion", "challenger"}}}},
        {"position", {{"type", "integer"}, {"description", "In the log"}}},
        {"cause", {{"enum", {"score", "audit", "probe", "limit"}}}},
        {"review", {{"type", "boolean"}}},
        {"audit_probability", {{"type", "number"}, {"minimum", 0}, {"maximum", 1}}},
        {"beliefs",
         {{"type", "object"},
          {"description", "Probability of fraud by cause; of a bundle with beliefs"}}},
        {"degraded",
         {{"type", "array"}, {"items", {{"enum", {"no_reasons", "no_challenger", "rules"}}}}}},
        {"logged_at", {{"type", "string"}, {"format", "date-time"}}},
        {"payment", {{"type", "object"}}},
        {"feedback", {{"type", "array"}, {"items", {{"type", "object"}}}}}}}};
  ordered_json unrecorded = {
      {"type", "object"},
      {"description",
       "While the journal cannot be written, with --on-full-disk rules: the action only"},
      {"required", {"transaction_id", "decision", "degraded"}},
      {"properties",
       {{"transaction_id", {{"type", "integer"}}},
        {"decision", {{"enum", {"approve", "challenge", "decline"}}}},
        {"degraded", {{"type", "array"}, {"items", {{"enum", {"rules", "not_recorded"}}}}}}}}};
  ordered_json feedback = {
      {"type", "object"},
      {"required", {"transaction_id", "outcome", "source"}},
      {"properties",
       {{"transaction_id", kIdSchema},
        {"outcome", {{"type", "string"}, {"enum", {"fraud", "genuine", "unanswered"}}}},
        {"source",
         {{"type", "string"}, {"enum", {"chargeback", "challenge", "analyst", "maturity"}}}},
        {"known_at",
         {{"type", "string"},
          {"format", "date-time"},
          {"description", "When it became known; now if absent"}}},
        {"note", {{"type", "string"}, {"maxLength", 500}}}}}};
  ordered_json problem = {{"type", "object"},
                          {"required", {"type", "title", "status"}},
                          {"properties",
                           {{"type", {{"type", "string"}}},
                            {"title", {{"type", "string"}}},
                            {"status", {{"type", "integer"}}},
                            {"detail", {{"type", "string"}}},
                            {"field", {{"type", "string"}}}}}};
  ordered_json results = {
      {"type", "object"},
      {"required", {"results"}},
      {"properties",
       {{"results",
         {{"type", "array"},
          {"items",
           {{"anyOf", {schema("decision"), schema("unrecorded"), schema("problem")}}}}}}}}};
  return {{"payment", std::move(payment)},       {"decision", std::move(decision)},
          {"unrecorded", std::move(unrecorded)}, {"reason", std::move(reason)},
          {"feedback", std::move(feedback)},     {"problem", std::move(problem)},
          {"results", std::move(results)}};
}

ordered_json query(const char* name, const char* description, ordered_json of) {
  return {{"name", name}, {"in", "query"}, {"description", description}, {"schema", std::move(of)}};
}

const ordered_json kWhole = {{"type", "integer"}, {"minimum", 0}, {"maximum", INT64_MAX}};

void describe(Endpoint endpoint, ordered_json& operation) {
  const ordered_json any = {{"type", "object"}};
  switch (endpoint) {
    case Endpoint::kDecide:
      operation["requestBody"] = body(schema("payment"));
      operation["responses"]["200"] = answer(
          "The decision, new or recorded", {{"anyOf", {schema("decision"), schema("unrecorded")}}});
      break;
    case Endpoint::kDecideBatch:
      operation["requestBody"] =
          body({{"type", "array"}, {"maxItems", 1000}, {"items", schema("payment")}});
      operation["responses"]["200"] =
          answer("A decision or a problem for each payment, in order", schema("results"));
      break;
    case Endpoint::kFeedback:
      operation["requestBody"] = body(schema("feedback"));
      operation["responses"]["200"] = answer("The feedback as it is recorded", any);
      break;
    case Endpoint::kReloadModel:
      operation["requestBody"] = body(any);
      operation["responses"]["202"] = answer("The bundles are being read", any);
      return;
    case Endpoint::kListDecisions:
      operation["parameters"] = {
          query("after", "Only entries after this position", kWhole),
          query("customer_id", "Of this customer", kWhole),
          query("terminal_id", "Of this terminal", kWhole),
          query("decision", "With this decision", {{"enum", {"approve", "challenge", "decline"}}}),
          query("review", "1: what was not approved and has no outcome", {{"enum", {"1"}}}),
          query("order", "stake: first where most money hangs on what is not known",
                {{"enum", {"stake"}}}),
          query("limit", "At most so many, up to 500", kWhole)};
      operation["responses"]["200"] =
          answer("Out of the last 20,000, the newest first unless ordered", any);
      break;
    case Endpoint::kFindDecision:
      operation["responses"]["200"] = answer("The decision", schema("decision"));
      break;
    case Endpoint::kConsole:
      operation["responses"]["200"] = {{"description", "A page"},
                                       {"content", content("text/html", {{"type", "string"}})}};
      break;
    default:
      operation["responses"]["200"] = answer("The answer", any);
  }
}

}  // namespace

std::string RestHandler::openapi_json() {
  ordered_json paths = ordered_json::object();
  for (const Route& route : routes()) {
    ordered_json operation;
    operation["operationId"] = endpoint_name(route.endpoint);
    operation["summary"] = route.summary;
    std::string path(route.path);
    if (path.size() > 1 && path.back() == '/') {
      path += "{transaction_id}";
      operation["parameters"] = {
          {{"name", "transaction_id"}, {"in", "path"}, {"required", true}, {"schema", kWhole}}};
    }
    describe(route.endpoint, operation);
    operation["responses"]["default"] = {
        {"description", "A problem, as of RFC 9457"},
        {"content", content("application/problem+json", schema("problem"))}};
    if (route.roles == 0) operation["security"] = ordered_json::array();
    paths[path][route.method == "GET" ? "get" : "post"] = std::move(operation);
  }
  ordered_json document;
  document["openapi"] = "3.1.0";
  document["info"] = {
      {"title", "weir"},
      {"version", WEIR_VERSION},
      {"description",
       "Fraud decisions on card payments. With keys, send `Authorization: Bearer KEY`."}};
  document["paths"] = std::move(paths);
  document["components"]["schemas"] = schemas();
  document["components"]["securitySchemes"]["key"] = {{"type", "http"}, {"scheme", "bearer"}};
  document["security"] = {{{"key", ordered_json::array()}}};
  return document.dump(2);
}

}  // namespace weir::cli

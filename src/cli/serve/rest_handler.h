#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/serve/service_view.h"
#include "core/cleaning/json_row.h"
#include "edge/http/api_keys.h"
#include "edge/http/problem.h"
#include "edge/http/server.h"
#include "edge/metrics/histogram.h"

namespace weir::cli {

/// The endpoints, in the order of the documents.
enum class Endpoint : std::uint8_t {
  kDecide,
  kDecideBatch,
  kFindDecision,
  kListDecisions,
  kExplain,
  kSummary,
  kFeedback,
  kModel,
  kReloadModel,
  kHealth,
  kReady,
  kMetrics,
  kOpenApi,
  kConsole,
  kOther,
};
inline constexpr std::size_t kEndpointCount = static_cast<std::size_t>(Endpoint::kOther) + 1;

/// `decide`, `decide_batch`, …: the label of metrics.
std::string_view endpoint_name(Endpoint endpoint);

/// What requests cost, by endpoint; shared by all handlers of a process.
struct RequestTally {
  struct OfEndpoint {
    std::map<int, std::uint64_t> by_status;
    metrics::Histogram seconds{metrics::latency_bounds()};
    std::uint64_t request_bytes = 0;
    std::uint64_t response_bytes = 0;
  };
  std::array<OfEndpoint, kEndpointCount> endpoints;
  std::uint64_t unknown_fields = 0;

  void add(Endpoint endpoint,
           std::size_t request_bytes,
           const http::Response& response,
           double seconds);
};

struct RestOptions {
  std::optional<http::ApiKeys> keys;  ///< Without it everyone may do everything.
  CleaningConfig cleaning;
  std::size_t batch_payments = 1000;
  double damage_budget_minor = 0;  ///< Of 30 days, for the console.
};

/// REST in front of a service. What changes the log is its kind's own.
class RestHandler : public http::Handler {
 public:
  RestHandler(ServiceView& service, RestOptions options, RequestTally& tally);

  void handle(const http::Request& request, http::Response& response) override;

  void refused(const http::Response& response) override;

  /// A line of JSON on stderr for each request from now on, or none any more.
  void log_requests(bool on) { log_requests_ = on; }
  bool logs_requests() const { return log_requests_; }

 protected:
  virtual void decide(const http::Request& request, http::Response& response) = 0;
  virtual void decide_batch(const http::Request& request, http::Response& response) = 0;
  virtual void feedback(const http::Request& request, http::Response& response) = 0;
  virtual void reload_model(const http::Request& request, http::Response& response) = 0;

  /// Asked for strictly: a web page elsewhere can make a browser send other types without asking.
  static bool is_json(const http::Request& request, http::Response& response);
  /// Fills `elements_` with the payments of a batch. False with a problem for what is none.
  bool split_batch(const http::Request& request, http::Response& response);
  /// A payment as JSON; nothing with the problem where it breaks a rule.
  std::optional<Payment> read_payment(std::string_view json, std::optional<http::Problem>& problem);

  RestOptions options_;
  JsonRowParser parser_;
  std::vector<std::string_view> elements_;
  RequestTally& tally_;

 private:
  using Call = void (RestHandler::*)(const http::Request&, http::Response&);
  struct Route {
    std::string_view path;  ///< One that ends in `/` takes a transaction id after it.
    std::string_view method;
    Endpoint endpoint;
    std::uint8_t roles;  ///< Any of these; 0 = everyone.
    Call call;
    std::string_view summary;  ///< For the OpenAPI document.
  };
  static const std::vector<Route>& routes();
  static std::string openapi_json();

  void log_request(Endpoint endpoint,
                   const http::Request& request,
                   const http::Response& response,
                   double seconds) const;
  Endpoint route(const http::Request& request, http::Response& response);
  bool allowed(const Route& route, const http::Request& request, http::Response& response) const;
  void find_decision(const http::Request& request, http::Response& response);
  void model(const http::Request& request, http::Response& response);
  void list_decisions(const http::Request& request, http::Response& response);
  void explain(const http::Request& request, http::Response& response);
  void summary(const http::Request& request, http::Response& response);
  void openapi(const http::Request& request, http::Response& response);
  void console(const http::Request& request, http::Response& response);
  void health(const http::Request& request, http::Response& response);
  void ready(const http::Request& request, http::Response& response);

  ServiceView& service_;
  bool log_requests_ = false;
};

}  // namespace weir::cli

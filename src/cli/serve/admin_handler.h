#pragma once

#include <string>

#include "cli/serve/rest_handler.h"
#include "cli/serve/service_view.h"
#include "edge/http/server.h"
#include "edge/metrics/exposition.h"

namespace weir::cli {

/// What watches the service: `/metrics`, `/healthz`, `/readyz`, on a port of its own.
class AdminHandler : public http::Handler {
 public:
  AdminHandler(ServiceView& service,
               RequestTally& tally,
               std::string version,
               double damage_budget_minor);

  /// The server whose connections are shown; set before the first request.
  void watch(const http::Server& server) { server_ = &server; }

  void handle(const http::Request& request, http::Response& response) override;
  std::string page(metrics::Format format);

 private:
  void add_http(metrics::Exposition& page) const;
  void add_decisions(metrics::Exposition& page) const;

  ServiceView& service_;
  RequestTally& tally_;
  std::string version_;
  double damage_budget_minor_;
  const http::Server* server_ = nullptr;
};

/// Memory of this process, as the system counts it.
double resident_bytes();

/// `/healthz` and `/readyz`, the same on both ports.
void answer_health(http::Response& response);
void answer_ready(ServiceView& service, http::Response& response);

}  // namespace weir::cli

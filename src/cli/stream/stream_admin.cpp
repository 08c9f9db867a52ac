#include "cli/stream/stream_admin.h"

#include <chrono>
#include <utility>

#include "cli/serve/admin_handler.h"
#include "edge/http/problem.h"
#include "edge/metrics/exposition.h"

namespace weir::cli {
namespace {

/// Nothing here has to be made durable.
class NoCommits : public http::Commits {
 public:
  void end_round() override {}
  http::Settlement settlement(std::uint64_t) const override { return http::Settlement::kDone; }
};

}  // namespace

class StreamAdmin::Pages : public http::Handler {
 public:
  void publish(std::string prometheus, std::string open_metrics, std::string not_ready) {
    const std::lock_guard lock(mutex_);
    prometheus_ = std::move(prometheus);
    open_metrics_ = std::move(open_metrics);
    not_ready_ = std::move(not_ready);
  }

  void handle(const http::Request& request, http::Response& response) override {
    const std::lock_guard lock(mutex_);
    if (request.path == "/metrics") {
      const auto accept = request.header("Accept");
      const bool open = accept && accept->find("openmetrics-text") != std::string_view::npos;
      response.content_type = metrics::content_type(open ? metrics::Format::kOpenMetrics
                                                         : metrics::Format::kPrometheus);
      response.body = open ? open_metrics_ : prometheus_;
    } else if (request.path == "/healthz") {
      answer_health(response);
    } else if (request.path == "/readyz" && not_ready_.empty()) {
      response.body = R"({"ready":true})";
    } else if (request.path == "/readyz") {
      http::set_problem(response, {503, "not_ready", not_ready_, std::nullopt, 1});
    } else {
      http::set_problem(response, {404, "no_such_endpoint",
                                   "here are /metrics, /healthz and /readyz", std::nullopt});
    }
  }

 private:
  std::mutex mutex_;
  std::string prometheus_;
  std::string open_metrics_;
  std::string not_ready_ = "starting";
};

std::uint16_t StreamAdmin::listen(const http::Address& address) {
  pages_ = std::make_shared<Pages>();
  commits_ = std::make_unique<NoCommits>();
  server_ = std::make_unique<http::Server>(http::ServerLimits{}, *commits_);
  const std::uint16_t port = server_->listen(address, *pages_, nullptr);
  thread_ = std::thread([this] {
    while (!stop_) server_->run_round(std::chrono::milliseconds(100));
  });
  return port;
}

StreamAdmin::~StreamAdmin() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void StreamAdmin::publish(std::string prometheus, std::string open_metrics, std::string not_ready) {
  if (!pages_) return;
  pages_->publish(std::move(prometheus), std::move(open_metrics), std::move(not_ready));
}

}  // namespace weir::cli

#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "edge/http/server.h"
#include "edge/http/tls.h"

namespace weir::cli {

/// `/metrics`, `/healthz` and `/readyz` of a process that has its own loop: pages are put here by
/// that loop and served by a thread that touches nothing else.
class StreamAdmin {
 public:
  StreamAdmin() = default;
  ~StreamAdmin();
  StreamAdmin(const StreamAdmin&) = delete;
  StreamAdmin& operator=(const StreamAdmin&) = delete;

  /// Begins to serve; gives the port.
  std::uint16_t listen(const http::Address& address);

  /// `not_ready`: why not; empty when ready.
  void publish(std::string prometheus, std::string open_metrics, std::string not_ready);

 private:
  class Pages;

  std::shared_ptr<Pages> pages_;
  std::unique_ptr<http::Commits> commits_;
  std::unique_ptr<http::Server> server_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace weir::cli

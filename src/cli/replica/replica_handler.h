#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/replica/replica_service.h"
#include "cli/serve/rest_handler.h"

namespace weir::cli {

/// REST in front of a log in Kafka: answers are known when the log has given their events back.
class ReplicaHandler : public RestHandler {
 public:
  ReplicaHandler(ReplicaService& service, RestOptions options, RequestTally& tally);

  void finish(std::uint64_t ticket, http::Response& response) override;
  /// Every event of the request has come back, or was given up.
  bool settled(std::uint64_t ticket) const;
  /// Forgets requests whose clients have gone.
  void tick();

 private:
  using Clock = std::chrono::steady_clock;
  struct Open {
    Endpoint endpoint = Endpoint::kDecide;
    std::vector<std::string> parts;  // JSON, one a payment.
    std::size_t waiting = 0;         // Parts that are not known yet.
    std::optional<http::Problem> problem;
    std::string note;  // Of feedback.
    std::size_t request_bytes = 0;
    Clock::time_point began;
  };

  void decide(const http::Request& request, http::Response& response) override;
  void decide_batch(const http::Request& request, http::Response& response) override;
  void feedback(const http::Request& request, http::Response& response) override;
  void reload_model(const http::Request& request, http::Response& response) override;

  std::uint64_t open(Endpoint endpoint, const http::Request& request, std::size_t parts);
  /// Sets what is known about a part; with one part a problem becomes the answer's own.
  void set(std::uint64_t ticket, std::size_t part, std::string json);
  void set(std::uint64_t ticket, std::size_t part, http::Problem problem);
  void decide_part(std::string_view json, std::uint64_t ticket, std::size_t part);
  void answer_later(std::uint64_t ticket, http::Response& response);

  ReplicaService& log_;
  std::uint64_t last_ticket_ = 0;
  std::unordered_map<std::uint64_t, Open> open_;
};

}  // namespace weir::cli

#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/serve/decision_service.h"
#include "cli/serve/rest_handler.h"

namespace weir::cli {

/// REST in front of a journal: decided at once, answered when it is recorded.
class JournalHandler : public RestHandler {
 public:
  JournalHandler(DecisionService& service, RestOptions options, RequestTally& tally);

 private:
  void decide(const http::Request& request, http::Response& response) override;
  void decide_batch(const http::Request& request, http::Response& response) override;
  void feedback(const http::Request& request, http::Response& response) override;
  void reload_model(const http::Request& request, http::Response& response) override;

  /// Decides on one payment: appends the decision to `out`, or gives the problem.
  std::optional<http::Problem> decide_one(const Payment& payment,
                                          std::string& out,
                                          std::uint64_t& ticket);

  DecisionService& journal_;
  std::vector<std::variant<Payment, http::Problem>> batch_;  // For its memory.
};

}  // namespace weir::cli

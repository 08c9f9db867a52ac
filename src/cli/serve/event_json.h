#pragma once

#include <optional>
#include <string_view>

#include "cli/serve/decision_service.h"
#include "core/cleaning/json_row.h"
#include "core/streaming/event.h"
#include "edge/http/problem.h"

namespace weir::cli {

/// What clients send, over REST and Kafka alike. Payments are read by JsonRowParser.

/// An event that broke a rule, as the problem that its sender is told: 400 for what is no object of
/// the kind at all, 422 for one with a fault.
http::Problem problem_of(EventFault fault);
http::Problem problem_of(const Reject& reject);

/// Fills `feedback`, or says what is wrong. `payment` is filled where its keys are given.
std::optional<http::Problem> read_feedback(std::string_view text,
                                           JsonRowParser& parser,
                                           const CleaningConfig& cleaning,
                                           FeedbackRequest& feedback);

}  // namespace weir::cli

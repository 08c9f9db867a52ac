#include "cli/serve/event_json.h"

#include <utility>

namespace weir::cli {

http::Problem problem_of(EventFault fault) {
  const bool whole = fault.field == field_name(Field::kRow);
  const bool none = whole && fault.rule != rule_id(Rule::kLineTooLong);
  http::Problem problem{none ? 400 : 422, std::move(fault.rule), std::move(fault.detail),
                        std::nullopt};
  if (!whole) problem.field = std::move(fault.field);
  return problem;
}

http::Problem problem_of(const Reject& reject) { return problem_of(fault_of(reject)); }

std::optional<http::Problem> read_feedback(std::string_view text,
                                           JsonRowParser& parser,
                                           const CleaningConfig& cleaning,
                                           FeedbackRequest& feedback) {
  FeedbackText read;
  if (auto fault = weir::read_feedback(text, parser, cleaning, read)) {
    return problem_of(*std::move(fault));
  }
  feedback = {read.transaction_id, read.outcome, read.source,
              read.known_at,       read.payment, std::move(read.note)};
  return std::nullopt;
}

}  // namespace weir::cli

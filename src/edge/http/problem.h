#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "edge/http/response.h"

namespace weir::http {

/// An RFC 9457 problem: what is wrong, where, and the way out.
struct Problem {
  int status = 400;
  std::string type;    ///< `unknown_field_value`: becomes `/problems/<type>`; empty: `about:blank`.
  std::string detail;  ///< For a person: what, got, wanted, way out.
  std::optional<std::string> field;     ///< Of the request's body, header or query.
  std::optional<int> retry_after = {};  ///< Seconds.
};

/// The problem as JSON text.
std::string problem_json(const Problem& problem);

/// Makes `response` the answer `problem`; keeps `close` and `ticket`.
void set_problem(Response& response, const Problem& problem);

}  // namespace weir::http

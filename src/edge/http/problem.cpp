#include "edge/http/problem.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace weir::http {

std::string problem_json(const Problem& problem) {
  nlohmann::ordered_json json;
  json["type"] = problem.type.empty() ? std::string("about:blank") : "/problems/" + problem.type;
  json["title"] = reason_phrase(problem.status);
  json["status"] = problem.status;
  if (!problem.detail.empty()) json["detail"] = problem.detail;
  if (problem.field) json["field"] = *problem.field;
  // What a client sent may be no UTF-8.
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void set_problem(Response& response, const Problem& problem) {
  response.status = problem.status;
  response.content_type = "application/problem+json";
  response.body = problem_json(problem);
  response.headers.clear();
  if (problem.retry_after)
    response.headers = fmt::format("Retry-After: {}\r\n", *problem.retry_after);
  if (problem.status == 401) response.headers += "WWW-Authenticate: Bearer\r\n";
}

}  // namespace weir::http

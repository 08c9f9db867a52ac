#include "edge/http/response.h"

#include <gtest/gtest.h>

#include "edge/http/problem.h"

namespace weir::http {
namespace {

TEST(Response, IsWrittenAsHttp) {
  Response response;
  response.body = "{}";
  response.headers = "X: y\r\n";
  std::string out;
  append_response(out, response, "Thu, 01 Jan 1970 00:00:00 GMT", false, false);
  EXPECT_EQ(out,
            "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: "
            "application/json\r\nContent-Length: 2\r\nConnection: close\r\nX: y\r\n\r\n{}");
}

TEST(Response, OfHeadHasALengthAndNoBody) {
  Response response;
  response.body = "{}";
  std::string out;
  append_response(out, response, "d", true, true);
  EXPECT_TRUE(out.ends_with("Content-Length: 2\r\n\r\n")) << out;
}

TEST(HttpDate, IsThatOfRfc9110) {
  EXPECT_EQ(http_date(784'111'777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(Problem, NamesTypeFieldAndWayOut) {
  Response response;
  set_problem(response, {503, "journal_full", "try later", "amount", 5});
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers, "Retry-After: 5\r\n");
  EXPECT_EQ(response.body,
            R"({"type":"/problems/journal_full","title":"Service Unavailable","status":503,)"
            R"("detail":"try later","field":"amount"})");
}

TEST(Problem, SurvivesTextThatIsNoUtf8) {
  EXPECT_NE(problem_json({400, "", "\xff", std::nullopt}).find("about:blank"), std::string::npos);
}

}  // namespace
}  // namespace weir::http

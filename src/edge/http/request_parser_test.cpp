#include "edge/http/request_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::http {
namespace {

using State = RequestParser::State;

TEST(RequestParser, ReadsARequest) {
  RequestParser parser;
  parser.append("POST /v1/decisions?a=1&b=x HTTP/1.1\r\nHost: weir\r\ncontent-length: 2\r\n\r\n{}");
  ASSERT_EQ(parser.advance(), State::kComplete);
  const Request& request = parser.request();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/v1/decisions");
  EXPECT_EQ(query_value(request.query, "b"), "x");
  EXPECT_EQ(query_value(request.query, "c"), std::nullopt);
  EXPECT_EQ(request.header("Content-Length"), "2");
  EXPECT_EQ(request.header("Authorization"), std::nullopt);
  EXPECT_EQ(request.body, "{}");
  EXPECT_TRUE(parser.keep_alive());
}

// The same bytes, cut at each place in turn, give the same requests.
TEST(RequestParser, GivesTheSameRequestsHoweverTheBytesAreCut) {
  const std::string bytes =
      "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
      "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
      "POST /y HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
      "GET /last HTTP/1.1\r\nConnection: close\r\n\r\n";
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    RequestParser parser;
    std::string seen;
    for (const std::string_view part :
         {std::string_view(bytes).substr(0, cut), std::string_view(bytes).substr(cut)}) {
      parser.append(part);
      while (parser.advance() == State::kComplete) {
        seen += std::string(parser.request().path) + "=" + std::string(parser.request().body) + ";";
        if (!parser.keep_alive()) seen += "close";
        parser.next();
      }
    }
    ASSERT_EQ(seen, "/healthz=;/x=hello;/y=abcde;/last=;close") << "cut at " << cut;
    EXPECT_TRUE(parser.idle());
  }
}

TEST(RequestParser, ReadsManyPipelinedRequestsWithoutHoldingThem) {
  RequestParser parser;
  const std::string one =
      "POST /v1/decisions HTTP/1.1\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'x');
  std::string many;
  for (int i = 0; i < 5000; ++i) many += one;
  int seen = 0;
  for (std::size_t at = 0; at < many.size(); at += 1000) {
    parser.append(std::string_view(many).substr(at, 1000));
    for (; parser.advance() == State::kComplete; parser.next()) {
      EXPECT_EQ(parser.request().body.size(), 100);
      ++seen;
    }
  }
  EXPECT_EQ(seen, 5000);
}

std::string told(const Request& request) {
  std::string text = std::string(request.method) + " " + std::string(request.path) + "?" +
                     std::string(request.query) + " " + std::string(request.body);
  for (const auto& [name, value] : request.headers) {
    text += "|" + std::string(name) + "=" + std::string(value);
  }
  return text + "\n";
}

std::string post(std::string_view target, std::string_view headers, std::string_view body) {
  return "POST " + std::string(target) + " HTTP/1.1\r\n" + std::string(headers) +
         "Content-Length: " + std::to_string(body.size()) + "\r\nX-Last: z\r\n\r\n" +
         std::string(body);
}

// Heads that repeat, nearly repeat or do not, one after another on one connection: each request is
// what a parser of its own reads, however the bytes are cut.
TEST(RequestParser, ReadsAHeadThatRepeatsAsIfItWereTheFirst) {
  const std::string one = "Host: a\r\nX-API-Key: one\r\nEmpty:\r\n";
  const std::string requests[] = {
      post("/v1/decisions?a=1", one, "hello"),
      post("/v1/decisions?a=1", one, "there"),
      post("/v1/decisions?a=1", one, "a longer body"),
      post("/v1/decisions?a=1", one, ""),
      post("/v1/decisions?a=1", one, "b"),
      post("/v1/decisions?a=2", one, "another target"),
      post("/v1/decisions?a=2", "Host: a\r\nX-API-Key: two\r\nEmpty:\r\n", "another key"),
      post("/v1/decisions?a=2", "Host: a\r\nX-API-Key: two\r\nEmpty:\r\n", "the same key"),
      "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
      post("/v1/decisions?a=2", "Host: a\r\nX-API-Key: two\r\nEmpty:\r\n", "and again"),
      "POST /y HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
      post("/v1/decisions?a=2", "Host: a\r\nX-API-Key: two\r\nEmpty:\r\n", "after chunks"),
      post("/v1/decisions?a=2", "Host: a\r\nX-API-Key: two\r\nEmpty:\r\n", "after chunks"),
  };
  std::string bytes;
  std::string expected;
  for (const std::string& request : requests) {
    RequestParser alone;
    alone.append(request);
    ASSERT_EQ(alone.advance(), State::kComplete) << request;
    expected += told(alone.request());
    bytes += request;
  }
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    RequestParser parser;
    std::string seen;
    for (const std::string_view part :
         {std::string_view(bytes).substr(0, cut), std::string_view(bytes).substr(cut)}) {
      parser.append(part);
      for (; parser.advance() == State::kComplete; parser.next()) seen += told(parser.request());
    }
    ASSERT_EQ(seen, expected) << "cut at " << cut;
    EXPECT_TRUE(parser.idle());
  }
}

TEST(RequestParser, RefusesALengthThatIsWrongAfterAHeadThatWasKnown) {
  const std::string known = post("/x", "", "hello");
  const std::pair<std::string, int> lengths[] = {
      {"2000000", 413}, {"99999999999999999999999", 400}, {"-1", 400}, {"5 5", 400}, {"", 400}};
  for (const auto& [length, status] : lengths) {
    RequestParser parser;
    parser.append(known + "POST /x HTTP/1.1\r\nContent-Length: " + length +
                  "\r\nX-Last: z\r\n\r\nhello");
    ASSERT_EQ(parser.advance(), State::kComplete);
    parser.next();
    ASSERT_EQ(parser.advance(), State::kFailed) << length;
    EXPECT_EQ(parser.status(), status) << length << ": " << parser.detail();
  }
}

struct Bad {
  std::string bytes;
  int status;
  std::string text;
};

TEST(RequestParser, RefusesWhatIsMalformedOrTooLarge) {
  const Bad cases[] = {
      {"\x16\x03\x01\x02", 400, "HTTP"},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, "ength"},
      {"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "ength"},
      {"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 400, "ength"},
      {"POST / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n", 413, "at most 1048576"},
      {"GET / HTTP/1.1\r\nA: " + std::string(20'000, 'x'), 431, "more than 16384"},
      {"GET / HTTP/1.1\r\nA: b\x01\r\n\r\n", 400, "header"},
  };
  for (const Bad& bad : cases) {
    RequestParser parser;
    parser.append(bad.bytes);
    ASSERT_EQ(parser.advance(), State::kFailed) << bad.bytes.substr(0, 80);
    EXPECT_EQ(parser.status(), bad.status) << bad.bytes.substr(0, 80);
    EXPECT_NE(parser.detail().find(bad.text), std::string::npos) << parser.detail();
    EXPECT_EQ(parser.advance(), State::kFailed);
  }
}

TEST(RequestParser, RefusesAChunkedBodyThatGrowsTooLarge) {
  RequestParser parser({.header_bytes = 1024, .body_bytes = 10});
  parser.append("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n");
  EXPECT_EQ(parser.advance(), State::kIncomplete);
  parser.append("6\r\nabcdef\r\n");
  EXPECT_EQ(parser.advance(), State::kFailed);
  EXPECT_EQ(parser.status(), 413);
}

TEST(RequestParser, TellsOnceThatTheClientWaitsForContinue) {
  RequestParser parser;
  parser.append("POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(parser.advance(), State::kIncomplete);
  EXPECT_TRUE(parser.take_expects_continue());
  EXPECT_FALSE(parser.take_expects_continue());
  parser.append("{}");
  EXPECT_EQ(parser.advance(), State::kComplete);
}

}  // namespace
}  // namespace weir::http

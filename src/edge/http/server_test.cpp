#include "edge/http/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace weir::http {
namespace {

using std::chrono::milliseconds;

class Echo : public Handler {
 public:
  void handle(const Request& request, Response& response) override {
    response.body = std::string(request.path) + ":" + std::string(request.body);
    if (request.path == "/durable") response.ticket = ticket;
  }
  std::uint64_t ticket = 1;
};

class Ledger : public Commits {
 public:
  void end_round() override {}
  Settlement settlement(std::uint64_t ticket) const override {
    return ticket <= done ? Settlement::kDone
                          : (failing ? Settlement::kFailed : Settlement::kPending);
  }
  std::uint64_t done = 0;
  bool failing = false;
};

class ServerTest : public ::testing::Test {
 protected:
  explicit ServerTest(ServerLimits limits = {}) : server(limits, ledger) {
    port = server.listen({"127.0.0.1", 0}, echo, nullptr);
  }
  int connect_client() {
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    EXPECT_EQ(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return client;
  }
  void send_text(int client, std::string_view text) {
    EXPECT_EQ(send(client, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  /// What the client has got after some rounds; "<closed>" at the end of the stream.
  std::string receive(int client, int rounds = 5) {
    std::string got;
    for (int i = 0; i < rounds; ++i) {
      server.run_round(milliseconds(5));
      char bytes[4096];
      for (;;) {
        const ssize_t size = recv(client, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (size == 0) return got + "<closed>";
        if (size < 0) break;
        got.append(bytes, static_cast<std::size_t>(size));
      }
    }
    return got;
  }

  Echo echo;
  Ledger ledger;
  Server server;
  std::uint16_t port = 0;
};

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  const int client = connect_client();
  send_text(client, "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n");
  const std::string got = receive(client);
  EXPECT_EQ(count(got, "HTTP/1.1 200 OK"), 3);
  EXPECT_LT(got.find("/a:"), got.find("/b:"));
  EXPECT_LT(got.find("/b:"), got.find("/c:"));
  ::close(client);
}

TEST_F(ServerTest, HoldsAnAnswerAndAllAfterItUntilTheCommit) {
  const int client = connect_client();
  send_text(client, "GET /a HTTP/1.1\r\n\r\nGET /durable HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n");
  const std::string before = receive(client);
  EXPECT_EQ(count(before, "HTTP/1.1"), 1);
  ledger.done = 1;
  const std::string after = receive(client);
  EXPECT_EQ(count(after, "HTTP/1.1 200"), 2);
  ::close(client);
}

TEST_F(ServerTest, TurnsTheAnswersOfAFailedCommitIntoTryAgain) {
  const int client = connect_client();
  send_text(client, "GET /durable HTTP/1.1\r\n\r\nGET /durable HTTP/1.1\r\n\r\n");
  ledger.failing = true;
  const std::string got = receive(client);
  EXPECT_EQ(count(got, "HTTP/1.1 503"), 2);
  EXPECT_EQ(count(got, "Retry-After: 1"), 2);
  EXPECT_EQ(count(got, "/durable"), 0);
  ::close(client);
}

TEST_F(ServerTest, AnswersGarbageOnceAndCloses) {
  const int client = connect_client();
  send_text(client, "GET /a HTTP/1.1\r\n\r\n\x01\x02garbage\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
  const std::string got = receive(client);
  EXPECT_EQ(count(got, "HTTP/1.1 200"), 1);
  EXPECT_EQ(count(got, "HTTP/1.1 400"), 1);
  EXPECT_TRUE(got.ends_with("<closed>"));
  ::close(client);
}

TEST_F(ServerTest, ClosesWhenTheClientAsksFor) {
  const int client = connect_client();
  send_text(client, "GET /a HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string got = receive(client);
  EXPECT_NE(got.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(got.ends_with("<closed>"));
  ::close(client);
}

class StrictServerTest : public ServerTest {
 protected:
  StrictServerTest()
      : ServerTest({.parser = {},
                    .connections = 2,
                    .request_time = milliseconds(50),
                    .idle_time = milliseconds(2000),
                    .linger = milliseconds(200)}) {}
};

TEST_F(StrictServerTest, CutsAClientThatNeverFinishesItsRequest) {
  const int client = connect_client();
  send_text(client, "POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(receive(client, 120).ends_with("<closed>"));
  EXPECT_EQ(server.counters().timed_out, 1);
  ::close(client);
}

TEST_F(StrictServerTest, TurnsAwayConnectionsOverTheLimit) {
  const int first = connect_client();
  const int second = connect_client();
  const int third = connect_client();
  const std::string got = receive(third);
  EXPECT_EQ(count(got, "HTTP/1.1 503"), 1);
  EXPECT_TRUE(got.ends_with("<closed>"));
  send_text(first, "GET /a HTTP/1.1\r\n\r\n");
  EXPECT_EQ(count(receive(first), "HTTP/1.1 200"), 1);
  for (const int client : {first, second, third}) ::close(client);
}

TEST_F(ServerTest, DrainAnswersWhatIsUnderWay) {
  const int client = connect_client();
  send_text(client, "GET /durable HTTP/1.1\r\n\r\n");
  receive(client);
  server.drain();
  EXPECT_FALSE(server.drained());
  ledger.done = 1;
  EXPECT_EQ(count(receive(client, 2), "HTTP/1.1 200"), 1);
  ::close(client);
  server.run_round(milliseconds(10));
  EXPECT_TRUE(server.drained());
}

TEST_F(StrictServerTest, DrainAnswersARequestThatWasOnItsWay) {
  const int busy = connect_client();
  const int idle = connect_client();
  send_text(busy, "GET /a HTTP/1.1\r\n\r\n");
  receive(busy);
  server.drain();
  EXPECT_FALSE(server.drained());
  send_text(busy, "GET /b HTTP/1.1\r\n\r\n");
  const std::string got = receive(busy);
  EXPECT_EQ(count(got, "HTTP/1.1 200"), 1);
  EXPECT_EQ(count(got, "Connection: close"), 1);
  EXPECT_TRUE(got.ends_with("<closed>"));
  EXPECT_FALSE(server.drained());
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_TRUE(server.drained());
  ::close(busy);
  ::close(idle);
}

}  // namespace
}  // namespace weir::http

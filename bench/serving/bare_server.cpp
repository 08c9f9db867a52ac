// The least that a server of payments can do: epoll, simdjson over the same body, the same bytes
// back. No state, no model, no record. What `weir serve` is measured against. Usage: bare_server
// ANSWER_FILE     (prints its port; the file holds one answer's body, of a batch too)
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <simdjson.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

struct Connection {
  std::string in;
  std::string out;
};

std::uint64_t checksum = 0;

/// The five fields, as a service would need them.
void read_payment(simdjson::ondemand::object payment) {
  std::string_view time;
  std::string_view amount;
  checksum += payment["transaction_id"].get_uint64();
  time = payment["event_time"].get_string();
  checksum += payment["customer_id"].get_uint64();
  checksum += payment["terminal_id"].get_uint64();
  amount = payment["amount"].get_string();
  checksum += time.size() + amount.size();
}

std::size_t content_length(std::string_view head) {
  const auto at = head.find("Content-Length: ");
  return at == std::string_view::npos ? 0 : std::strtoul(head.data() + at + 16, nullptr, 10);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::ifstream file(argv[1]);
  const std::string body((std::istreambuf_iterator<char>(file)), {});
  std::string answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\n\r\n" + body;
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0) return 1;
  if (listen(listener, 1024) != 0) return 1;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  const int poll = epoll_create1(0);
  epoll_event event{EPOLLIN, {.fd = listener}};
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  simdjson::ondemand::parser parser;
  std::unordered_map<int, std::unique_ptr<Connection>> connections;
  char scratch[64 * 1024];
  epoll_event events[256];
  for (;;) {
    const int count = epoll_wait(poll, events, 256, -1);
    for (int i = 0; i < count; ++i) {
      const int client = events[i].data.fd;
      if (client == listener) {
        const int made = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        const int on = 1;
        setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        epoll_event added{EPOLLIN, {.fd = made}};
        epoll_ctl(poll, EPOLL_CTL_ADD, made, &added);
        connections[made] = std::make_unique<Connection>();
        continue;
      }
      Connection& connection = *connections[client];
      const ssize_t got = recv(client, scratch, sizeof(scratch), 0);
      if (got <= 0) {
        close(client);
        connections.erase(client);
        continue;
      }
      connection.in.append(scratch, static_cast<std::size_t>(got));
      connection.in.reserve(connection.in.size() + simdjson::SIMDJSON_PADDING);
      std::size_t at = 0;
      for (;;) {
        const std::string_view rest = std::string_view(connection.in).substr(at);
        const auto head_end = rest.find("\r\n\r\n");
        if (head_end == std::string_view::npos) break;
        const std::size_t length = content_length(rest.substr(0, head_end));
        if (rest.size() < head_end + 4 + length) break;
        const std::string_view json = rest.substr(head_end + 4, length);
        auto document = parser.iterate(simdjson::padded_string_view(
            connection.in.data() + at + head_end + 4, length, length + simdjson::SIMDJSON_PADDING));
        try {
          if (json.front() == '[') {
            for (auto payment : document.get_array()) read_payment(payment.get_object());
          } else {
            read_payment(document.get_object());
          }
        } catch (const simdjson::simdjson_error& error) {
          std::fprintf(stderr, "bare_server: %s\n", error.what());
          return 1;
        }
        connection.out += answer;
        at += head_end + 4 + length;
      }
      connection.in.erase(0, at);
      if (connection.out.empty()) continue;
      const ssize_t sent = send(client, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
      if (sent > 0) connection.out.erase(0, static_cast<std::size_t>(sent));
    }
  }
}

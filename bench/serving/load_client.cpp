// Sends payments over HTTP and says how long the answers took, as one line of JSON.
//
// Open loop (--rate N): requests leave at the times of a Poisson process whatever the answers do,
// and a latency counts from the time at which its request was due. So a server that stalls is seen
// to stall. Closed loop (--rate 0): --depth requests are always under way on each connection; gives
// the most that the server can do.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

struct Options {
  int port = 0;
  std::string path = "/v1/decisions";
  std::size_t connections = 32;
  double rate = 0;
  double seconds = 10;
  double warm_up = 1;
  std::size_t batch = 1;
  std::size_t depth = 1;
  std::uint64_t first_id = 1;
  std::uint64_t customers = 100'000;
  std::uint64_t terminals = 1'000;
  // Of the payments' own time: that of the first id, and how far each goes on. 0: it is now.
  double time_from = 0;
  double time_step = 0;
  std::string bodies;  // A file of bodies, one a line, sent in turn instead of made-up payments.
};

struct Connection {
  int socket = -1;
  std::string in;
  std::string out;
  std::deque<Time> due;  // Of the requests under way, oldest first.
};

std::uint64_t mix(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15ULL;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31);
}

class Requests {
 public:
  explicit Requests(const Options& options) : options_(options), id_(options.first_id) {
    std::ifstream file(options.bodies);
    for (std::string line; std::getline(file, line);) given_.push_back(line);
  }

  /// Of one connection.
  void append(std::string& out, std::size_t connection) {
    connection_ = connection;
    body_.clear();
    if (!given_.empty()) {
      body_ = given_[next_++ % given_.size()];
    } else if (options_.batch == 1) {
      append_payment();
    } else {
      for (std::size_t i = 0; i < options_.batch; ++i) {
        body_ += i == 0 ? '[' : ',';
        append_payment();
      }
      body_ += ']';
    }
    char head[256];
    const int size =
        std::snprintf(head, sizeof(head),
                      "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                      "Content-Length: %zu\r\n\r\n",
                      options_.path.c_str(), body_.size());
    out.append(head, static_cast<std::size_t>(size));
    out += body_;
  }

 private:
  void append_payment() {
    const auto sent = static_cast<double>(id_ - options_.first_id);
    const std::time_t now =
        options_.time_from == 0
            ? std::time(nullptr)
            : static_cast<std::time_t>(options_.time_from + sent * options_.time_step);
    if (now != second_) {
      second_ = now;
      std::tm civil{};
      gmtime_r(&now, &civil);
      std::strftime(moment_, sizeof(moment_), "%Y-%m-%dT%H:%M:%SZ", &civil);
    }
    const std::uint64_t draw = mix(id_);
    // Where hours go by while an answer is awaited a key stays on one connection, in order: else
    // each wait would make payments late by days.
    const auto key = [&](std::uint64_t drawn, std::uint64_t count) {
      if (options_.time_from == 0) return drawn % count;
      return drawn % (count / options_.connections) * options_.connections + connection_;
    };
    char text[256];
    const int size = std::snprintf(
        text, sizeof(text),
        "{\"transaction_id\":%llu,\"event_time\":\"%s\",\"customer_id\":%llu,\"terminal_id\":%llu,"
        "\"amount\":\"%llu.%02llu\"}",
        static_cast<unsigned long long>(id_), moment_,
        static_cast<unsigned long long>(key(draw, options_.customers)),
        static_cast<unsigned long long>(key(draw >> 20, options_.terminals)),
        static_cast<unsigned long long>((draw >> 40) % 90),
        static_cast<unsigned long long>((draw >> 50) % 100));
    body_.append(text, static_cast<std::size_t>(size));
    ++id_;
  }

  const Options& options_;
  std::uint64_t id_;
  std::size_t connection_ = 0;
  std::vector<std::string> given_;
  std::size_t next_ = 0;
  std::string body_;
  char moment_[32] = {};
  std::time_t second_ = 0;
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "load_client: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

int connect_to(int port) {
  const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(made, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) fail("connect");
  const int on = 1;
  setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return made;
}

struct Tally {
  std::vector<std::uint32_t> micros_tenths;  // Latencies, in tenths of a microsecond.
  std::uint64_t answers = 0;
  std::uint64_t errors = 0;
};

/// Takes whole answers off `connection`; false when it was closed.
bool take_answers(Connection& connection, Time counted_from, Tally& tally) {
  std::size_t at = 0;
  for (;;) {
    const std::string_view rest = std::string_view(connection.in).substr(at);
    const auto end = rest.find("\r\n\r\n");
    if (end == std::string_view::npos) break;
    auto length_at = rest.find("ontent-Length: ");
    if (length_at == std::string_view::npos) length_at = rest.find("ontent-length: ");
    if (length_at == std::string_view::npos || length_at > end) fail("no Content-Length");
    const std::size_t length = std::strtoul(rest.data() + length_at + 15, nullptr, 10);
    if (rest.size() < end + 4 + length) break;
    const Time due = connection.due.front();
    connection.due.pop_front();
    if (due >= counted_from) {
      ++tally.answers;
      tally.errors += rest.substr(9, 3) != "200";
      const double taken = std::chrono::duration<double>(Clock::now() - due).count();
      tally.micros_tenths.push_back(static_cast<std::uint32_t>(std::min(taken * 1e7, 4e9)));
    }
    at += end + 4 + length;
  }
  connection.in.erase(0, at);
  return true;
}

double quantile(std::vector<std::uint32_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto index = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1));
  return sorted[index] / 10.0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* value = argv[i + 1];
    if (name == "--port")
      options.port = std::atoi(value);
    else if (name == "--path")
      options.path = value;
    else if (name == "--connections")
      options.connections = std::strtoul(value, nullptr, 10);
    else if (name == "--rate")
      options.rate = std::atof(value);
    else if (name == "--seconds")
      options.seconds = std::atof(value);
    else if (name == "--warm-up")
      options.warm_up = std::atof(value);
    else if (name == "--batch")
      options.batch = std::strtoul(value, nullptr, 10);
    else if (name == "--depth")
      options.depth = std::strtoul(value, nullptr, 10);
    else if (name == "--first-id")
      options.first_id = std::strtoull(value, nullptr, 10);
    else if (name == "--customers")
      options.customers = std::strtoull(value, nullptr, 10);
    else if (name == "--terminals")
      options.terminals = std::strtoull(value, nullptr, 10);
    else if (name == "--time-from")
      options.time_from = std::atof(value);
    else if (name == "--time-step")
      options.time_step = std::atof(value);
    else if (name == "--bodies")
      options.bodies = value;
    else
      return std::fprintf(stderr, "load_client: unknown flag %s\n", argv[i]), 2;
  }
  Requests requests(options);
  std::vector<Connection> connections(options.connections);
  const int poll = epoll_create1(0);
  for (std::size_t i = 0; i < connections.size(); ++i) {
    connections[i].socket = connect_to(options.port);
    epoll_event event{EPOLLIN, {.u64 = i}};
    epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].socket, &event);
  }
  const auto seconds = [](double value) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(value));
  };
  const auto flush = [&](Connection& connection) {
    while (!connection.out.empty()) {
      const ssize_t sent = send(connection.socket, connection.out.data(), connection.out.size(),
                                MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno == EAGAIN) return;
      if (sent < 0) fail("send");
      connection.out.erase(0, static_cast<std::size_t>(sent));
    }
  };
  Tally tally;
  const Time start = Clock::now();
  const Time counted_from = start + seconds(options.warm_up);
  const Time stop = counted_from + seconds(options.seconds);
  Time next = start;
  std::uint64_t arrival = 0;
  std::size_t turn = 0;
  Time last = counted_from;
  if (options.rate == 0) {
    for (Connection& connection : connections) {
      for (std::size_t i = 0; i < options.depth; ++i) {
        connection.due.push_back(Clock::now());
        requests.append(connection.out, static_cast<std::size_t>(&connection - connections.data()));
      }
      flush(connection);
    }
  }
  epoll_event events[512];
  char scratch[256 * 1024];
  std::size_t under_way = 1;
  while (under_way != 0) {
    const Time now = Clock::now();
    if (options.rate > 0) {
      while (next <= now && next < stop) {
        Connection& connection = connections[turn++ % connections.size()];
        connection.due.push_back(next);
        requests.append(connection.out, static_cast<std::size_t>(&connection - connections.data()));
        flush(connection);
        const double draw = static_cast<double>(mix(++arrival) >> 11) * 0x1.0p-53;
        next += seconds(-std::log1p(-draw) / options.rate);
      }
    }
    const bool soon = options.rate > 0 && next - now < std::chrono::milliseconds(2) && next < stop;
    const int count = epoll_wait(poll, events, 512, soon ? 0 : 1);
    for (int i = 0; i < count; ++i) {
      Connection& connection = connections[events[i].data.u64];
      const ssize_t got = recv(connection.socket, scratch, sizeof(scratch), MSG_DONTWAIT);
      if (got == 0) fail("the server closed a connection");
      if (got < 0) {
        if (errno == EAGAIN) continue;
        fail("recv");
      }
      connection.in.append(scratch, static_cast<std::size_t>(got));
      const std::size_t before = connection.due.size();
      take_answers(connection, counted_from, tally);
      const Time read_at = Clock::now();
      if (read_at < stop) last = read_at;
      if (options.rate == 0 && read_at < stop) {
        for (std::size_t j = connection.due.size(); j < before; ++j) {
          connection.due.push_back(read_at);
          requests.append(connection.out,
                          static_cast<std::size_t>(&connection - connections.data()));
        }
      }
      flush(connection);
    }
    under_way = Clock::now() < stop ? 1 : 0;
    for (const Connection& connection : connections) under_way += connection.due.size();
    if (Clock::now() > stop + std::chrono::seconds(20)) break;
  }
  auto& latencies = tally.micros_tenths;
  std::sort(latencies.begin(), latencies.end());
  const double measured = std::chrono::duration<double>(stop - counted_from).count();
  std::printf(
      "{\"answers\": %llu, \"errors\": %llu, \"unanswered\": %zu, \"seconds\": %.3f, \"rate\": "
      "%.1f, "
      "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f}\n",
      static_cast<unsigned long long>(tally.answers), static_cast<unsigned long long>(tally.errors),
      under_way, measured, static_cast<double>(tally.answers) / measured, quantile(latencies, 0.5),
      quantile(latencies, 0.99), quantile(latencies, 0.999), quantile(latencies, 1.0));
  return tally.errors == 0 && under_way == 0 ? 0 : 1;
}

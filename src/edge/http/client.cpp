#include "edge/http/client.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <utility>

#include "core/transaction/error.h"

namespace weir::http {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr std::string_view kHeadEnd = "\r\n\r\n";

/// The value of Content-Length in a head, or nothing said: 0.
std::size_t length_of(std::string_view head) {
  constexpr std::string_view kName = "\r\nContent-Length:";
  for (std::size_t at = 0; at + kName.size() <= head.size(); ++at) {
    if (strncasecmp(head.data() + at, kName.data(), kName.size()) != 0) continue;
    std::string_view text = head.substr(at + kName.size());
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    std::size_t length = 0;
    std::from_chars(text.data(), text.data() + text.size(), length);
    return length;
  }
  return 0;
}

}  // namespace

Client::Client(std::string_view url, std::string_view flag, std::string bearer_key)
    : key_(std::move(bearer_key)) {
  if (!url.starts_with(kScheme)) {
    throw UsageError(fmt::format("{} \"{}\": wanted http://host:port", flag, url));
  }
  url.remove_prefix(kScheme.size());
  if (url.ends_with('/')) url.remove_suffix(1);
  address_ = parse_endpoint(url, flag);
}

void Client::connect() {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address_.port);
  const int code = getaddrinfo(address_.host.c_str(), port.c_str(), &hints, &found);
  if (code != 0) {
    throw Error(fmt::format("{}:{}: {}", address_.host, port, gai_strerror(code)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  int fault = 0;
  for (const addrinfo* at = addresses.get(); at != nullptr; at = at->ai_next) {
    socket_.reset(socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, 0));
    if (::connect(socket_.get(), at->ai_addr, at->ai_addrlen) == 0) {
      const int on = 1;
      setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return;
    }
    fault = errno;
  }
  socket_.reset();
  throw Error(fmt::format("{}:{}: {}; is weir serve listening there?", address_.host, port,
                          std::strerror(fault)));
}

Client::Answer Client::post(std::string_view path, std::string_view json) {
  if (socket_.get() < 0) connect();
  std::string request = fmt::format(
      "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
      path, address_.host, json.size());
  if (!key_.empty()) request += fmt::format("Authorization: Bearer {}\r\n", key_);
  request += "\r\n";
  request += json;
  const auto fail = [&](std::string_view what) {
    const std::string reason = errno != 0 ? std::strerror(errno) : "connection closed";
    socket_.reset();
    throw Error(fmt::format("{}:{}: {} failed: {}", address_.host, address_.port, what, reason));
  };
  errno = 0;
  for (std::string_view rest = request; !rest.empty();) {
    const ssize_t put = send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) fail("sending");
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  received_.clear();
  std::size_t whole = 0;
  std::size_t body = 0;
  char buffer[16 * 1024];
  while (whole == 0 || received_.size() < whole) {
    const ssize_t got = recv(socket_.get(), buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail("receiving");
    received_.append(buffer, static_cast<std::size_t>(got));
    const auto end = received_.find(kHeadEnd);
    if (whole != 0 || end == std::string::npos) continue;
    body = end + kHeadEnd.size();
    whole = body + length_of(std::string_view(received_).substr(0, end));
  }
  Answer answer;
  constexpr std::size_t kStatusAt = 9;  // After `HTTP/1.1 `.
  if (received_.size() > kStatusAt + 3) {
    std::from_chars(received_.data() + kStatusAt, received_.data() + kStatusAt + 3, answer.status);
  }
  answer.body = received_.substr(body);
  return answer;
}

}  // namespace weir::http

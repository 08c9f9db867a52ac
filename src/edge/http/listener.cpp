#include "edge/http/listener.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "core/transaction/error.h"

namespace weir::http {
namespace {

constexpr int kBacklog = 4096;

sockaddr_storage socket_address(const Address& address, socklen_t& length) {
  sockaddr_storage storage{};
  auto* four = reinterpret_cast<sockaddr_in*>(&storage);
  if (inet_pton(AF_INET, address.host.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(address.port);
    length = sizeof(sockaddr_in);
    return storage;
  }
  auto* six = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET6, address.host.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(address.port);
    length = sizeof(sockaddr_in6);
    return storage;
  }
  throw UsageError(
      fmt::format("address \"{}\" is no IP address; wanted one like 127.0.0.1:8080 or [::]:8080",
                  address.host));
}

}  // namespace

void Descriptor::reset(int value) {
  if (value_ >= 0) close(value_);
  value_ = value;
}

bool Address::is_loopback() const { return host.starts_with("127.") || host == "::1"; }

Address parse_endpoint(std::string_view text, std::string_view flag) {
  const auto colon = text.rfind(':');
  Address address;
  bool valid = colon != std::string_view::npos;
  if (valid) {
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    address.host = host.empty() ? "127.0.0.1" : host;
    const std::string_view port = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    valid = error == std::errc() && end == port.data() + port.size();
  }
  if (!valid) {
    throw UsageError(
        fmt::format("{} is \"{}\", wanted an address with a port like 127.0.0.1:8080", flag, text));
  }
  return address;
}

Address parse_address(std::string_view text, std::string_view flag) {
  Address address = parse_endpoint(text, flag);
  if (address.host == "localhost") address.host = "127.0.0.1";
  socklen_t length;
  socket_address(address, length);
  return address;
}

Descriptor listen_on(const Address& address) {
  socklen_t length;
  const sockaddr_storage storage = socket_address(address, length);
  Descriptor listener(socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0 ||
      listen(listener.get(), kBacklog) != 0) {
    throw Error(fmt::format("listen {}:{}: {}; choose another address or stop what uses it",
                            address.host, address.port, std::strerror(errno)));
  }
  return listener;
}

std::uint16_t local_port(const Descriptor& socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &length);
  return ntohs(storage.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

}  // namespace weir::http

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::http {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int value = -1) : value_(value) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : value_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    reset(other.release());
    return *this;
  }
  int get() const { return value_; }
  int release() {
    const int value = value_;
    value_ = -1;
    return value;
  }
  void reset(int value = -1);

 private:
  int value_;
};

struct Address {
  std::string host;
  std::uint16_t port = 0;

  /// Nobody outside this machine can reach it.
  bool is_loopback() const;
};

/// `weir:8080`, `127.0.0.1:8080`, `[::1]:8080`: whom to call, by name or address. Throws UsageError
/// naming `flag`.
Address parse_endpoint(std::string_view text, std::string_view flag);

/// `127.0.0.1:8080`, `[::]:8080`, `:8080` (loopback): where to listen. Throws UsageError naming
/// `flag`.
Address parse_address(std::string_view text, std::string_view flag);

/// A non-blocking listening socket. Throws Error with the address and the system's reason.
Descriptor listen_on(const Address& address);

/// The port that the socket got; for port 0.
std::uint16_t local_port(const Descriptor& socket);

}  // namespace weir::http

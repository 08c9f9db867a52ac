#pragma once

#include <string>
#include <string_view>

#include "edge/http/listener.h"

namespace weir::http {

/// A plain HTTP/1.1 client: one kept connection, one request at a time.
class Client {
 public:
  /// `http://host:port`. Throws UsageError naming `flag` for anything else.
  Client(std::string_view url, std::string_view flag, std::string bearer_key);

  struct Answer {
    int status = 0;
    std::string body;
  };
  /// Throws Error with the address and the system's reason.
  Answer post(std::string_view path, std::string_view json);

 private:
  void connect();

  Address address_;
  std::string key_;
  Descriptor socket_;
  std::string received_;
};

}  // namespace weir::http

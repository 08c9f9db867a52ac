#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::http {

/// One whole request. Everything borrows from the connection's buffer: valid until the handler
/// returns.
struct Request {
  std::string_view method;  ///< `GET`, `POST`, …
  std::string_view path;    ///< Of the target, before `?`; percent signs are left as they are.
  std::string_view query;   ///< After `?`, without it.
  std::string_view body;
  std::vector<std::pair<std::string_view, std::string_view>> headers;  ///< As they were sent.

  /// The first header of this name, in any case.
  std::optional<std::string_view> header(std::string_view name) const;
};

/// The value of `key` in a query string `a=1&b=2`, undecoded.
std::optional<std::string_view> query_value(std::string_view query, std::string_view key);

}  // namespace weir::http

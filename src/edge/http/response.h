#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::http {

/// What a handler answers.
struct Response {
  int status = 200;
  std::string_view content_type = "application/json";  ///< Of static life.
  std::string body;
  std::string headers;  ///< More header lines, each ended by `\r\n`.
  bool close = false;   ///< The connection ends after this answer.
  /// The answer is held back until this commit is settled; 0 = send at once.
  std::uint64_t ticket = 0;
  /// With a ticket: the answer itself is not known before, and is then asked for by
  /// Handler::finish.
  bool deferred = false;

  void clear();
};

/// Appends the answer as HTTP/1.1. `date` is a Date header's value. A HEAD request gets no body.
void append_response(std::string& out,
                     const Response& response,
                     std::string_view date,
                     bool keep_alive,
                     bool head_only);

/// `OK`, `Not Found`, …; `Unknown` for a status that weir never sends.
std::string_view reason_phrase(int status);

/// `Mon, 23 Nov 2026 02:14:00 GMT`.
std::string http_date(std::int64_t unix_seconds);

}  // namespace weir::http

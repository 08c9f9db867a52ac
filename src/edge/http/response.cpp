#include "edge/http/response.h"

#include <fmt/format.h>

#include <ctime>
#include <iterator>

namespace weir::http {

void Response::clear() {
  status = 200;
  content_type = "application/json";
  body.clear();
  headers.clear();
  close = false;
  ticket = 0;
  deferred = false;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Unknown";
  }
}

void append_response(std::string& out,
                     const Response& response,
                     std::string_view date,
                     bool keep_alive,
                     bool head_only) {
  // Written by hand: a formatter costs more than the rest of the answer.
  out += "HTTP/1.1 ";
  char digits[24];
  const auto number = [&](std::uint64_t value) {
    char* at = std::end(digits);
    do {
      *--at = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    return std::string_view(at, static_cast<std::size_t>(std::end(digits) - at));
  };
  out += number(static_cast<std::uint64_t>(response.status));
  out += ' ';
  out += reason_phrase(response.status);
  out += "\r\nDate: ";
  out += date;
  if (response.status != 204) {
    out += "\r\nContent-Type: ";
    out += response.content_type;
    out += "\r\nContent-Length: ";
    out += number(response.body.size());
  }
  out += keep_alive ? "\r\n" : "\r\nConnection: close\r\n";
  out += response.headers;
  out += "\r\n";
  if (!head_only && response.status != 204) out += response.body;
}

std::string http_date(std::int64_t unix_seconds) {
  const auto time = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday], parts.tm_mday,
                     kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
                     parts.tm_sec);
}

}  // namespace weir::http

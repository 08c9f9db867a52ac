#pragma once

#include <http_parser.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "edge/http/request.h"

namespace weir::http {

struct ParserLimits {
  std::size_t header_bytes = 16 * 1024;  ///< Request line and headers together; at most 80 KiB.
  std::size_t body_bytes = 1024 * 1024;
};

/// Cuts the bytes of one connection into HTTP/1.1 requests, pipelined ones too.
///
/// Wraps Debian's http_parser in strict mode: it refuses two lengths in one request, a length
/// beside chunks and bare control bytes. A head that repeats the one before it, but for the digits
/// of its length, is compared instead of parsed.
class RequestParser {
 public:
  enum class State { kIncomplete, kComplete, kFailed };

  explicit RequestParser(ParserLimits limits = {});
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  void append(std::string_view bytes) { buffer_ += bytes; }

  /// Reads on until a request is whole. After kFailed nothing more can be read.
  State advance();

  /// The whole request; valid until `next` or `append`.
  const Request& request() const { return repeated_ ? known_.request : request_; }
  /// Whether the connection stays open after the answer, as the request wants it.
  bool keep_alive() const { return keep_alive_; }
  /// Drops the request.
  void next();

  /// No byte of a request is waiting.
  bool idle() const { return start_ == buffer_.size(); }
  /// The headers asked for `100 Continue` and the body has not come; true once a request.
  bool take_expects_continue();

  /// Of a failure: the answer's status and what is wrong.
  int status() const { return status_; }
  const std::string& detail() const { return detail_; }

 private:
  struct Span {
    std::size_t begin = 0;
    std::size_t size = 0;
  };
  struct Header {
    Span name;
    Span value;
  };
  /// The head of an earlier request. `bytes` lacks the digits of its length.
  struct KnownHead {
    std::string bytes;
    std::size_t digits_at = 0;
    std::size_t length_header = 0;
    Request request;  // Borrows from `bytes`, but for body and length.
  };
  static const http_parser_settings& settings();
  static RequestParser& of(http_parser* parser) {
    return *static_cast<RequestParser*>(parser->data);
  }
  void extend(Span& span, const char* at, std::size_t size) const;
  std::string_view text(Span span) const {
    return std::string_view(buffer_).substr(span.begin, span.size);
  }
  int on_headers_complete();
  int on_body(const char* at, std::size_t size);
  void on_message_complete();
  State fail(int status, std::string detail);
  void read_request();
  /// Keeps the head of the request that is whole now, if the next one may have the same.
  void know_head();
  /// Whether a whole request waits whose head is the known one; it is then the current one.
  bool take_repeated();

  ParserLimits limits_;
  http_parser parser_;
  std::string buffer_;
  std::size_t start_ = 0;   // Of the current request.
  std::size_t parsed_ = 0;  // What the parser has seen.
  Span target_;
  std::vector<Header> headers_;
  bool in_value_ = false;
  bool headers_complete_ = false;
  bool complete_ = false;
  bool expects_continue_ = false;
  bool keep_alive_ = true;
  Span body_;
  std::string joined_body_;  // Where it came in chunks.
  Request request_;
  KnownHead known_;
  bool repeated_ = false;  // The current request has the known head.
  int status_ = 0;
  std::string detail_;
};

}  // namespace weir::http

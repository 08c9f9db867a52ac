#include "edge/http/request_parser.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>

namespace weir::http {
namespace {

constexpr std::size_t kKnownHeadBytes = 1024;  // Longer ones are parsed each time.
constexpr std::size_t kLengthDigits = 9;       // More overflow some counter.

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return left.size() == right.size() && strncasecmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace

std::optional<std::string_view> Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (equal_ignoring_case(key, name)) return value;
  }
  return std::nullopt;
}

std::optional<std::string_view> query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view part = query.substr(0, end);
    const auto equal = part.find('=');
    if (part.substr(0, equal) == key) {
      return equal == std::string_view::npos ? std::string_view() : part.substr(equal + 1);
    }
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return std::nullopt;
}

const http_parser_settings& RequestParser::settings() {
  static const http_parser_settings instance = [] {
    http_parser_settings settings;
    http_parser_settings_init(&settings);
    settings.on_url = [](http_parser* parser, const char* at, std::size_t size) {
      of(parser).extend(of(parser).target_, at, size);
      return 0;
    };
    settings.on_header_field = [](http_parser* parser, const char* at, std::size_t size) {
      RequestParser& self = of(parser);
      // A field follows the request line or a value: both begin a new header.
      if (self.in_value_ || self.headers_.empty()) self.headers_.emplace_back();
      self.in_value_ = false;
      self.extend(self.headers_.back().name, at, size);
      return 0;
    };
    settings.on_header_value = [](http_parser* parser, const char* at, std::size_t size) {
      RequestParser& self = of(parser);
      if (self.headers_.empty()) return 0;  // Trailers are dropped.
      self.in_value_ = true;
      self.extend(self.headers_.back().value, at, size);
      return 0;
    };
    settings.on_headers_complete = [](http_parser* parser) {
      return of(parser).on_headers_complete();
    };
    settings.on_body = [](http_parser* parser, const char* at, std::size_t size) {
      return of(parser).on_body(at, size);
    };
    settings.on_message_complete = [](http_parser* parser) {
      of(parser).on_message_complete();
      return 0;
    };
    return settings;
  }();
  return instance;
}

RequestParser::RequestParser(ParserLimits limits) : limits_(limits) {
  http_parser_init(&parser_, HTTP_REQUEST);
  parser_.data = this;
}

void RequestParser::extend(Span& span, const char* at, std::size_t size) const {
  if (span.size == 0) span.begin = static_cast<std::size_t>(at - buffer_.data());
  span.size += size;
}

int RequestParser::on_headers_complete() {
  headers_complete_ = true;
  if ((parser_.flags & F_CONTENTLENGTH) != 0 && parser_.content_length > limits_.body_bytes) {
    fail(413, fmt::format("the body has {} bytes, at most {} are taken", parser_.content_length,
                          limits_.body_bytes));
    return -1;
  }
  for (const Header& header : headers_) {
    if (equal_ignoring_case(text(header.name), "Expect") &&
        equal_ignoring_case(text(header.value), "100-continue")) {
      expects_continue_ = true;
    }
  }
  return 0;
}

int RequestParser::on_body(const char* at, std::size_t size) {
  const auto begin = static_cast<std::size_t>(at - buffer_.data());
  if (joined_body_.empty() && (body_.size == 0 || body_.begin + body_.size == begin)) {
    extend(body_, at, size);
  } else {
    if (joined_body_.empty()) joined_body_ = text(body_);
    joined_body_.append(at, size);
  }
  if (std::max(body_.size, joined_body_.size()) > limits_.body_bytes) {
    fail(413, fmt::format("the body has more than {} bytes", limits_.body_bytes));
    return -1;
  }
  return 0;
}

void RequestParser::on_message_complete() {
  complete_ = true;
  // HTTP/1.0 would want to be told that it may stay.
  keep_alive_ = parser_.http_minor >= 1 && http_should_keep_alive(&parser_) != 0;
  http_parser_pause(&parser_, 1);
}

RequestParser::State RequestParser::fail(int status, std::string detail) {
  if (status_ == 0) {
    status_ = status;
    detail_ = std::move(detail);
  }
  return State::kFailed;
}

void RequestParser::read_request() {
  request_.method = http_method_str(static_cast<http_method>(parser_.method));
  const std::string_view target = text(target_);
  const auto question = target.find('?');
  request_.path = target.substr(0, question);
  request_.query =
      question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
  request_.body = joined_body_.empty() ? text(body_) : std::string_view(joined_body_);
  request_.headers.clear();
  for (const Header& header : headers_) {
    request_.headers.emplace_back(text(header.name), text(header.value));
  }
}

void RequestParser::know_head() {
  const bool plain = (parser_.flags & F_CONTENTLENGTH) != 0 && body_.size > 0 &&
                     joined_body_.empty() && !expects_continue_ && keep_alive_;
  if (!plain || body_.begin - start_ > kKnownHeadBytes) return;
  const auto length = std::find_if(headers_.begin(), headers_.end(), [&](const Header& header) {
    return equal_ignoring_case(text(header.name), "Content-Length");
  });
  if (length == headers_.end() ||
      text(length->value).find_first_not_of("0123456789") != std::string_view::npos) {
    return;
  }
  known_.bytes.assign(buffer_, start_, length->value.begin - start_);
  known_.digits_at = known_.bytes.size();
  const std::size_t digits_end = length->value.begin + length->value.size;
  known_.bytes.append(buffer_, digits_end, body_.begin - digits_end);
  known_.length_header = static_cast<std::size_t>(length - headers_.begin());
  // The same views, into bytes that stay.
  const auto moved = [&](std::string_view view) {
    auto at = static_cast<std::size_t>(view.data() - buffer_.data()) - start_;
    if (at > known_.digits_at) at -= length->value.size;
    return std::string_view(known_.bytes).substr(at, view.size());
  };
  known_.request.method = request_.method;  // Of http_parser's own names.
  known_.request.path = moved(request_.path);
  known_.request.query = request_.query.empty() ? std::string_view() : moved(request_.query);
  known_.request.headers.clear();
  for (const auto& [name, value] : request_.headers) {
    known_.request.headers.emplace_back(moved(name),
                                        value.empty() ? std::string_view() : moved(value));
  }
}

bool RequestParser::take_repeated() {
  if (known_.bytes.empty() || parsed_ != start_) return false;
  const std::string_view known = known_.bytes;
  const std::string_view rest = std::string_view(buffer_).substr(start_);
  if (!rest.starts_with(known.substr(0, known_.digits_at))) return false;
  std::size_t length = 0;
  std::size_t at = known_.digits_at;
  for (; at < rest.size() && rest[at] >= '0' && rest[at] <= '9'; ++at) {
    if (at - known_.digits_at == kLengthDigits) return false;
    length = length * 10 + static_cast<std::size_t>(rest[at] - '0');
  }
  const std::size_t digits = at - known_.digits_at;
  if (digits == 0 || !rest.substr(at).starts_with(known.substr(known_.digits_at))) return false;
  const std::size_t head = known.size() + digits;
  // What is not whole, or too long, http_parser follows to its end.
  if (length > limits_.body_bytes || rest.size() - head < length) return false;
  known_.request.headers[known_.length_header].second = rest.substr(known_.digits_at, digits);
  known_.request.body = rest.substr(head, length);
  parsed_ = start_ + head + length;
  keep_alive_ = complete_ = repeated_ = true;
  return true;
}

RequestParser::State RequestParser::advance() {
  if (status_ != 0) return State::kFailed;
  if (complete_ || take_repeated()) return State::kComplete;
  if (parsed_ < buffer_.size()) {
    parsed_ += http_parser_execute(&parser_, &settings(), buffer_.data() + parsed_,
                                   buffer_.size() - parsed_);
  }
  if (status_ != 0) return State::kFailed;
  if (complete_) {
    http_parser_pause(&parser_, 0);
    read_request();
    know_head();
    expects_continue_ = false;
    return State::kComplete;
  }
  const auto error = static_cast<http_errno>(parser_.http_errno);
  if (error == HPE_HEADER_OVERFLOW ||
      (!headers_complete_ && buffer_.size() - start_ > limits_.header_bytes)) {
    return fail(431, fmt::format("the headers have more than {} bytes", limits_.header_bytes));
  }
  if (error != HPE_OK) {
    return fail(400, fmt::format("this is no HTTP/1.1 request: {}", http_errno_description(error)));
  }
  return State::kIncomplete;
}

void RequestParser::next() {
  start_ = parsed_;
  if (start_ == buffer_.size()) {
    // One large request must not hold its memory for the rest of the connection.
    if (buffer_.capacity() > limits_.header_bytes * 4) std::string().swap(buffer_);
    buffer_.clear();
    start_ = parsed_ = 0;
  } else if (start_ > 64 * 1024) {
    buffer_.erase(0, start_);
    parsed_ -= start_;
    start_ = 0;
  }
  target_ = body_ = {};
  headers_.clear();
  if (!joined_body_.empty()) std::string().swap(joined_body_);
  in_value_ = headers_complete_ = complete_ = expects_continue_ = repeated_ = false;
}

bool RequestParser::take_expects_continue() {
  return headers_complete_ && std::exchange(expects_continue_, false);
}

}  // namespace weir::http

#include "edge/http/download.h"

#include <fmt/format.h>
#include <http_parser.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "core/transaction/error.h"
#include "edge/http/listener.h"

namespace weir::http {
namespace {

constexpr const char* kSystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";

struct Target {
  bool tls = false;
  std::string host;
  std::string port;
  std::string authority;  // Host and port as they were written.
  std::string path;
};

Target parse_url(std::string_view url) {
  Target target;
  target.tls = url.starts_with("https://");
  const auto begin = url.find("://") + 3;
  const auto slash = std::min(url.find('/', begin), url.size());
  target.authority = url.substr(begin, slash - begin);
  target.path = slash < url.size() ? url.substr(slash) : "/";
  const auto colon = target.authority.rfind(':');
  const bool has_port =
      colon != std::string::npos && target.authority.find(']', colon) == std::string::npos;
  target.host = target.authority.substr(0, has_port ? colon : std::string::npos);
  target.port = has_port ? target.authority.substr(colon + 1) : target.tls ? "443" : "80";
  if (target.host.starts_with('[') && target.host.ends_with(']')) {
    target.host = target.host.substr(1, target.host.size() - 2);
  }
  const auto bad = [](unsigned char letter) { return letter <= ' ' || letter == 0x7f; };
  if (target.host.empty() || target.host.find('@') != std::string::npos ||
      std::any_of(url.begin(), url.end(), bad)) {
    throw Error(fmt::format("\"{}\" is no address; wanted https://host[:port]/path", url));
  }
  return target;
}

/// What the parser has found of the answer.
struct Reading {
  Download answer;
  std::string field;
  std::size_t most = 0;
  bool in_value = false;
  bool whole = false;
  bool too_large = false;
};

Reading& reading_of(http_parser* parser) { return *static_cast<Reading*>(parser->data); }

http_parser_settings make_settings() {
  http_parser_settings settings;
  http_parser_settings_init(&settings);
  settings.on_header_field = [](http_parser* parser, const char* at, std::size_t size) {
    Reading& reading = reading_of(parser);
    if (reading.in_value) reading.field.clear();
    reading.in_value = false;
    reading.field.append(at, size);
    return 0;
  };
  settings.on_header_value = [](http_parser* parser, const char* at, std::size_t size) {
    Reading& reading = reading_of(parser);
    reading.in_value = true;
    if (strcasecmp(reading.field.c_str(), "ETag") == 0) reading.answer.etag.append(at, size);
    return 0;
  };
  settings.on_body = [](http_parser* parser, const char* at, std::size_t size) {
    Reading& reading = reading_of(parser);
    reading.too_large = reading.answer.body.size() + size > reading.most;
    if (reading.too_large) return -1;
    reading.answer.body.append(at, size);
    return 0;
  };
  settings.on_message_complete = [](http_parser* parser) {
    Reading& reading = reading_of(parser);
    reading.whole = true;
    reading.answer.status = parser->status_code;
    return 0;
  };
  return settings;
}

/// The socket, with TLS around it where the address wants it.
class Wire {
 public:
  Wire(const Target& target, std::string_view url, std::chrono::seconds silence) : url_(url) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int code = getaddrinfo(target.host.c_str(), target.port.c_str(), &hints, &found);
    if (code != 0) fail(gai_strerror(code));
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
    const timeval time{static_cast<time_t>(silence.count()), 0};
    for (const addrinfo* at = addresses.get(); at != nullptr; at = at->ai_next) {
      socket_.reset(socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, 0));
      setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
      setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);  // Of connect too.
      if (connect(socket_.get(), at->ai_addr, at->ai_addrlen) == 0) break;
      const int fault = errno;
      socket_.reset();
      errno = fault;
    }
    if (socket_.get() < 0) fail_of_system("connect");
    if (target.tls) start_tls(target.host);
  }

  void send_all(std::string_view text) {
    while (!text.empty()) {
      const auto put = session_
                           ? SSL_write(session_.get(), text.data(), static_cast<int>(text.size()))
                           : send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (put <= 0) fail_of_system("sending");
      text.remove_prefix(static_cast<std::size_t>(put));
    }
  }

  /// 0 at the end.
  std::size_t receive(char* target, std::size_t size) {
    for (;;) {
      const auto got = session_ ? SSL_read(session_.get(), target, static_cast<int>(size))
                                : recv(socket_.get(), target, size, 0);
      if (got > 0) return static_cast<std::size_t>(got);
      if (got == 0 ||
          (session_ && SSL_get_error(session_.get(), static_cast<int>(got)) == SSL_ERROR_SSL)) {
        return 0;
      }
      if (errno != EINTR) fail_of_system("receiving");
    }
  }

  [[noreturn]] void fail(std::string_view why) const {
    throw Error(fmt::format("\"{}\": {}", url_, why));
  }

 private:
  struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  struct FreeSession {
    void operator()(SSL* session) const { SSL_free(session); }
  };

  [[noreturn]] void fail_of_system(std::string_view doing) const {
    const bool silent = errno == EAGAIN || errno == EINPROGRESS;
    fail(fmt::format("{}: {}", doing, silent ? "no answer in time" : std::strerror(errno)));
  }

  void start_tls(const std::string& host) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
    // OpenSSL's own search for them crashes in a process that also holds Arrow's copy of OpenSSL.
    const char* named = std::getenv("SSL_CERT_FILE");
    const std::string authorities = named != nullptr ? named : kSystemAuthorities;
    if (SSL_CTX_load_verify_locations(context_.get(), authorities.c_str(), nullptr) != 1) {
      fail(
          fmt::format("\"{}\" has no authorities to check its certificate by; SSL_CERT_FILE names "
                      "a PEM file of them",
                      authorities));
    }
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    session_.reset(SSL_new(context_.get()));
    SSL_set_fd(session_.get(), socket_.get());
    // A name is announced and checked; an address of digits can be checked only.
    X509_VERIFY_PARAM* wanted = SSL_get0_param(session_.get());
    if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) != 1) {
      SSL_set_tlsext_host_name(session_.get(), host.c_str());
      SSL_set1_host(session_.get(), host.c_str());
    }
    ERR_clear_error();
    if (SSL_connect(session_.get()) == 1) return;
    const long verified = SSL_get_verify_result(session_.get());
    if (verified != X509_V_OK) {
      fail(fmt::format("its certificate is not trusted: {}; SSL_CERT_FILE names authorities",
                       X509_verify_cert_error_string(verified)));
    }
    char text[256] = "no TLS";
    if (const unsigned long code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
    fail(text);
  }

  std::string url_;
  Descriptor socket_;
  std::unique_ptr<SSL_CTX, FreeContext> context_;
  std::unique_ptr<SSL, FreeSession> session_;
};

}  // namespace

bool is_url(std::string_view text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

Download download(std::string_view url,
                  std::string_view etag,
                  std::string_view bearer_key,
                  DownloadLimits limits) {
  const Target target = parse_url(url);
  Wire wire(target, url, limits.silence);
  std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: weir\r\nConnection: close\r\n",
                  target.path, target.authority);
  if (!etag.empty()) request += fmt::format("If-None-Match: {}\r\n", etag);
  if (!bearer_key.empty()) request += fmt::format("Authorization: Bearer {}\r\n", bearer_key);
  wire.send_all(request + "\r\n");

  static const http_parser_settings settings = make_settings();
  http_parser parser;
  http_parser_init(&parser, HTTP_RESPONSE);
  Reading reading;
  reading.most = limits.bytes;
  parser.data = &reading;
  char buffer[64 * 1024];
  while (!reading.whole) {
    const std::size_t got = wire.receive(buffer, sizeof buffer);
    // No bytes tell the parser that the connection is closed.
    const std::size_t parsed = http_parser_execute(&parser, &settings, buffer, got);
    if (reading.whole) break;
    if (reading.too_large) wire.fail(fmt::format("more than {} bytes", limits.bytes));
    if (parsed != got) wire.fail("the answer is no HTTP");
    if (got == 0) wire.fail("the connection was closed before the answer was whole");
  }
  const int status = reading.answer.status;
  if (status != 200 && !(status == 304 && !etag.empty())) {
    wire.fail(fmt::format("answered {}, wanted 200", status));
  }
  return std::move(reading.answer);
}

}  // namespace weir::http

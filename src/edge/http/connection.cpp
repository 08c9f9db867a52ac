#include "edge/http/connection.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <cerrno>

namespace weir::http {

Connection::Connection(Descriptor socket, TlsContext::Session session, ParserLimits limits)
    : last_active(Clock::now()),
      socket_(std::move(socket)),
      session_(std::move(session)),
      parser_(limits) {}

Connection::Io Connection::receive(char* scratch, std::size_t scratch_size) {
  if (session_ == nullptr) {
    const ssize_t got = recv(socket_.get(), scratch, scratch_size, 0);
    if (got > 0) {
      parser_.append({scratch, static_cast<std::size_t>(got)});
      return Io::kSome;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Io::kWouldBlock;
    return Io::kClosed;
  }
  bool any = false;
  for (std::size_t total = 0; total < scratch_size;) {
    ERR_clear_error();
    const int got = SSL_read(session_.get(), scratch, static_cast<int>(scratch_size));
    if (got > 0) {
      parser_.append({scratch, static_cast<std::size_t>(got)});
      total += static_cast<std::size_t>(got);
      any = true;
      // What OpenSSL holds already raises no event.
      if (SSL_pending(session_.get()) > 0) continue;
      break;
    }
    const int error = SSL_get_error(session_.get(), got);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) break;
    return any ? Io::kSome : Io::kClosed;
  }
  return any ? Io::kSome : Io::kWouldBlock;
}

Connection::Io Connection::send_ready() {
  while (has_ready()) {
    const char* data = ready_.data() + sent_;
    const std::size_t size = ready_.size() - sent_;
    ssize_t put;
    if (session_ == nullptr) {
      put = send(socket_.get(), data, size, MSG_NOSIGNAL);
      if (put < 0) {
        if (errno == EINTR) continue;
        return errno == EAGAIN ? Io::kWouldBlock : Io::kClosed;
      }
    } else {
      ERR_clear_error();
      put = SSL_write(session_.get(), data, static_cast<int>(std::min<std::size_t>(size, 1 << 20)));
      if (put <= 0) {
        const int error = SSL_get_error(session_.get(), static_cast<int>(put));
        const bool blocked = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
        return blocked ? Io::kWouldBlock : Io::kClosed;
      }
    }
    sent_ += static_cast<std::size_t>(put);
  }
  if (ready_.capacity() > 256 * 1024) std::string().swap(ready_);
  ready_.clear();
  sent_ = 0;
  return Io::kSome;
}

std::string& Connection::out(std::uint64_t ticket) {
  if (held_.empty() && ticket == 0) return ready_;
  if (held_.empty() || (ticket != 0 && held_.back().ticket != ticket)) {
    held_.push_back({.ticket = ticket, .bytes = {}});
  }
  return held_.back().bytes;
}

void Connection::defer(std::uint64_t ticket, bool keep_alive, bool head_only) {
  held_.push_back({ticket, 1, true, keep_alive, head_only, {}});
}

void Connection::answered(std::uint64_t ticket) {
  if (held_.empty() && ticket == 0) return;
  ++held_.back().answers;
}

std::size_t Connection::queued_bytes() const {
  std::size_t bytes = ready_.size() - sent_;
  for (const Held& held : held_) bytes += held.bytes.size();
  return bytes;
}

}  // namespace weir::http

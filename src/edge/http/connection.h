#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "edge/http/listener.h"
#include "edge/http/request_parser.h"
#include "edge/http/tls.h"

namespace weir::http {

/// What became of a commit that answers wait for.
enum class Settlement { kPending, kDone, kFailed };

/// One client: its socket, what it sent and what it shall get, in order.
class Connection {
 public:
  using Clock = std::chrono::steady_clock;

  Connection(Descriptor socket, TlsContext::Session session, ParserLimits limits);

  int socket() const { return socket_.get(); }
  RequestParser& parser() { return parser_; }

  enum class Io { kSome, kWouldBlock, kClosed };
  /// Reads what there is, at most `scratch_size` bytes.
  Io receive(char* scratch, std::size_t scratch_size);
  /// Writes what may be sent.
  Io send_ready();

  /// Where an answer goes; with a ticket it waits for the commit, and what comes after it too.
  std::string& out(std::uint64_t ticket);
  /// An answer that is not known yet; those after it wait for it.
  void defer(std::uint64_t ticket, bool keep_alive, bool head_only);
  /// Counts the answer that was just written to `out(ticket)`.
  void answered(std::uint64_t ticket);

  /// Moves settled answers to what may be sent; those of a failed commit become `failure`, each.
  /// `finish` appends a deferred one: ticket, keep_alive, head_only, out.
  template <typename Settle, typename Finish>
  void release(const Settle& settle, const Finish& finish, std::string_view failure) {
    while (!held_.empty()) {
      Held& front = held_.front();
      const Settlement settlement = settle(front.ticket);
      if (settlement == Settlement::kPending) return;
      if (settlement == Settlement::kDone) {
        if (front.deferred) finish(front.ticket, front.keep_alive, front.head_only, ready_);
        ready_ += front.bytes;
      } else {
        for (std::size_t i = 0; i < front.answers; ++i) ready_ += failure;
      }
      held_.pop_front();
    }
  }

  bool waits_for_commit() const { return !held_.empty(); }
  bool has_ready() const { return sent_ < ready_.size(); }
  std::size_t queued_bytes() const;

  bool close_after_answers = false;
  bool in_release_list = false;
  std::uint32_t watched_events = 0;  ///< Of epoll.
  Clock::time_point request_began;   ///< First byte of the request that is not whole yet.
  Clock::time_point last_active;
  std::size_t listener = 0;

 private:
  struct Held {
    std::uint64_t ticket = 0;
    std::size_t answers = 0;
    bool deferred = false;  // Its answer comes before `bytes`.
    bool keep_alive = true;
    bool head_only = false;
    std::string bytes;
  };

  Descriptor socket_;
  TlsContext::Session session_;  // Null without TLS.
  RequestParser parser_;
  std::string ready_;
  std::size_t sent_ = 0;
  std::deque<Held> held_;
};

}  // namespace weir::http

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "edge/http/connection.h"
#include "edge/http/listener.h"
#include "edge/http/request.h"
#include "edge/http/response.h"
#include "edge/http/tls.h"

namespace weir::http {

/// Answers requests. Called by the server's one thread only.
class Handler {
 public:
  virtual ~Handler() = default;
  /// Fills `response` (cleared before). Must not throw.
  virtual void handle(const Request& request, Response& response) = 0;
  /// Fills `response` (cleared before) for a deferred answer whose ticket is settled. Must not
  /// throw.
  virtual void finish(std::uint64_t ticket, Response& response) {
    static_cast<void>(ticket);
    static_cast<void>(response);
  }
  /// A request that could not be read: counted by whoever wants to; `response` is ready.
  virtual void refused(const Response& response) { static_cast<void>(response); }
};

/// Whoever makes the effects of requests durable, batch by batch.
class Commits {
 public:
  virtual ~Commits() = default;
  /// All requests that have arrived by now are handled: a good moment to commit.
  virtual void end_round() = 0;
  virtual Settlement settlement(std::uint64_t ticket) const = 0;
  /// Readable when a commit was settled outside end_round; -1 when that never happens.
  virtual int wake_descriptor() const { return -1; }
  /// About ten times a second.
  virtual void tick() {}
};

struct ServerLimits {
  ParserLimits parser;
  std::size_t connections = 10'000;
  std::chrono::milliseconds request_time{10'000};  ///< From a request's first byte to its last.
  std::chrono::milliseconds idle_time{75'000};  ///< Between requests, and for an answer's reader.
  std::chrono::milliseconds linger{1'000};      ///< After drain, for requests already on their way.
};

struct ServerCounters {
  std::uint64_t accepted = 0;
  std::uint64_t refused_full = 0;         ///< Connections over the limit.
  std::uint64_t refused_descriptors = 0;  ///< No file descriptor was left.
  std::uint64_t timed_out = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t rounds = 0;
};

/// An HTTP/1.1 server in one thread: epoll, keep-alive, pipelining, TLS.
///
/// A round: everything that arrived is read and handled, then `Commits::end_round`, then answers
/// are sent. So one commit serves all requests that came together.
class Server {
 public:
  Server(ServerLimits limits, Commits& commits);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// `tls` may be null. Everything must outlive the server. Returns the port.
  std::uint16_t listen(const Address& address, Handler& handler, const TlsContext* tls);

  /// One round; waits for at most `wait`.
  void run_round(std::chrono::milliseconds wait);

  /// Takes no more connections. What is under way is answered, and what comes on open connections
  /// within `linger`: closed at once, an idle connection would lose the request that its client is
  /// just sending. Each answer closes its connection.
  void drain();
  /// After drain: every answer is sent, and no client is left or `linger` is over.
  bool drained() const;

  const ServerCounters& counters() const { return counters_; }
  std::size_t connections() const { return connections_.size(); }

 private:
  struct Listener {
    Descriptor socket;
    Handler* handler = nullptr;
    const TlsContext* tls = nullptr;
  };

  void accept_all(std::size_t index);
  void on_event(Connection& connection, std::uint32_t events);
  void handle_requests(Connection& connection);
  void answer(Connection& connection, const Response& response, bool keep_alive, bool head_only);
  void flush(Connection& connection);
  void watch(Connection& connection, std::uint32_t events);
  void close(Connection& connection);
  void release_held();
  void sweep();
  void update_date();

  ServerLimits limits_;
  Commits& commits_;
  Descriptor epoll_;
  Descriptor spare_;  // Given up to turn a client away when no descriptor is left.
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
  std::vector<int> waiting_;  // Sockets whose answers wait for a commit.
  std::vector<char> scratch_;
  Response response_;
  std::string date_;
  std::string failure_;  // The whole answer when a commit failed.
  std::int64_t date_second_ = 0;
  Connection::Clock::time_point now_;
  Connection::Clock::time_point next_tick_;
  Connection::Clock::time_point next_sweep_;
  bool draining_ = false;
  Connection::Clock::time_point linger_until_;
  ServerCounters counters_;
};

}  // namespace weir::http

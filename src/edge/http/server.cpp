#include "edge/http/server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "core/transaction/error.h"
#include "edge/http/problem.h"

namespace weir::http {
namespace {

constexpr std::size_t kScratchBytes = 64 * 1024;
constexpr std::size_t kMaxQueuedBytes = 4 * 1024 * 1024;  // Then the client must read first.
constexpr int kEventsAtOnce = 512;
// Keys of epoll: sockets of connections are their own keys, the rest counts down from here.
constexpr std::uint64_t kListenerKey = 1ULL << 40;
constexpr std::uint64_t kWakeKey = 1ULL << 41;

Descriptor open_spare() { return Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

Server::Server(ServerLimits limits, Commits& commits)
    : limits_(limits),
      commits_(commits),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      spare_(open_spare()),
      scratch_(kScratchBytes),
      now_(Connection::Clock::now()),
      next_tick_(now_),
      next_sweep_(now_) {
  if (epoll_.get() < 0) throw Error(fmt::format("epoll: {}", std::strerror(errno)));
  if (const int wake = commits.wake_descriptor(); wake >= 0) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kWakeKey;
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake, &event);
  }
  update_date();
}

Server::~Server() = default;

std::uint16_t Server::listen(const Address& address, Handler& handler, const TlsContext* tls) {
  auto listener = std::make_unique<Listener>();
  listener->socket = listen_on(address);
  listener->handler = &handler;
  listener->tls = tls;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kListenerKey + listeners_.size();
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener->socket.get(), &event);
  const std::uint16_t port = local_port(listener->socket);
  listeners_.push_back(std::move(listener));
  return port;
}

void Server::update_date() {
  const std::int64_t second = std::time(nullptr);
  if (second == date_second_) return;
  date_second_ = second;
  date_ = http_date(second);
  Response response;
  set_problem(response,
              {503, "not_recorded",
               "the decision could not be recorded, so it is not given; send the request again",
               std::nullopt, 1});
  failure_.clear();
  append_response(failure_, response, date_, true, false);
}

void Server::run_round(std::chrono::milliseconds wait) {
  // Requests handled after the last commit wait for this round's.
  if (!waiting_.empty() && commits_.wake_descriptor() < 0) wait = std::chrono::milliseconds(0);
  epoll_event events[kEventsAtOnce];
  const int count = epoll_wait(epoll_.get(), events, kEventsAtOnce, static_cast<int>(wait.count()));
  now_ = Connection::Clock::now();
  update_date();
  for (int i = 0; i < count; ++i) {
    const std::uint64_t key = events[i].data.u64;
    if (key >= kWakeKey) continue;  // Whoever owns it reads it in end_round.
    if (key >= kListenerKey) {
      accept_all(static_cast<std::size_t>(key - kListenerKey));
      continue;
    }
    const auto found = connections_.find(static_cast<int>(key));
    if (found != connections_.end()) on_event(*found->second, events[i].events);
  }
  commits_.end_round();
  ++counters_.rounds;
  release_held();
  if (now_ >= next_tick_) {
    next_tick_ = now_ + std::chrono::milliseconds(100);
    commits_.tick();
  }
  if (now_ >= next_sweep_) {
    next_sweep_ = now_ + std::chrono::milliseconds(250);
    sweep();
  }
}

void Server::accept_all(std::size_t index) {
  Listener& listener = *listeners_[index];
  for (int i = 0; i < 256; ++i) {
    Descriptor socket(
        accept4(listener.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.get() < 0) {
      if (errno != EMFILE && errno != ENFILE) return;
      // Left alone, the waiting client would wake the loop forever: take it and turn it away.
      ++counters_.refused_descriptors;
      spare_.reset();
      socket.reset(accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
      socket.reset();
      spare_ = open_spare();
      continue;
    }
    ++counters_.accepted;
    if (connections_.size() >= limits_.connections || draining_) {
      ++counters_.refused_full;
      if (listener.tls == nullptr) {
        Response response;
        set_problem(response,
                    {503, "too_many_connections",
                     fmt::format("{} connections are open, which is the limit; close idle "
                                 "ones or try again",
                                 connections_.size()),
                     std::nullopt, 1});
        std::string bytes;
        append_response(bytes, response, date_, false, false);
        send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      }
      continue;
    }
    const int on = 1;
    setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    const int descriptor = socket.get();
    auto connection = std::make_unique<Connection>(
        std::move(socket), listener.tls ? listener.tls->accept(descriptor) : nullptr,
        limits_.parser);
    connection->listener = index;
    connection->request_began = connection->last_active = now_;
    connection->watched_events = EPOLLIN;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = static_cast<std::uint64_t>(descriptor);
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event);
    connections_[descriptor] = std::move(connection);
  }
}

void Server::on_event(Connection& connection, std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return close(connection);
  if ((events & EPOLLIN) != 0) {
    const bool was_idle = connection.parser().idle();
    switch (connection.receive(scratch_.data(), scratch_.size())) {
      case Connection::Io::kClosed:
        // Half-closed clients get what they asked for before.
        if (connection.has_ready() || connection.waits_for_commit()) {
          connection.close_after_answers = true;
          watch(connection, connection.watched_events & ~static_cast<std::uint32_t>(EPOLLIN));
          return;
        }
        return close(connection);
      case Connection::Io::kWouldBlock:
        break;
      case Connection::Io::kSome:
        if (was_idle) connection.request_began = now_;
        connection.last_active = now_;
        handle_requests(connection);
        return;  // May be closed by now.
    }
  }
  if ((events & EPOLLOUT) != 0) {
    connection.last_active = now_;
    flush(connection);
  }
}

void Server::handle_requests(Connection& connection) {
  RequestParser& parser = connection.parser();
  Handler& handler = *listeners_[connection.listener]->handler;
  while (!connection.close_after_answers && connection.queued_bytes() < kMaxQueuedBytes) {
    const auto state = parser.advance();
    if (state == RequestParser::State::kIncomplete) {
      if (parser.take_expects_continue()) connection.out(0) += "HTTP/1.1 100 Continue\r\n\r\n";
      break;
    }
    response_.clear();
    if (state == RequestParser::State::kFailed) {
      set_problem(response_, {parser.status(), "malformed_request", parser.detail(), std::nullopt});
      handler.refused(response_);
      answer(connection, response_, false, false);
      break;
    }
    handler.handle(parser.request(), response_);
    answer(connection, response_, parser.keep_alive() && !draining_ && !response_.close,
           parser.request().method == "HEAD");
    parser.next();
    connection.request_began = now_;
  }
  flush(connection);
}

void Server::answer(Connection& connection,
                    const Response& response,
                    bool keep_alive,
                    bool head_only) {
  if (response.deferred) {
    connection.defer(response.ticket, keep_alive, head_only);
  } else {
    append_response(connection.out(response.ticket), response, date_, keep_alive, head_only);
    connection.answered(response.ticket);
  }
  if (!keep_alive) connection.close_after_answers = true;
}

void Server::flush(Connection& connection) {
  if (connection.waits_for_commit() && !connection.in_release_list) {
    connection.in_release_list = true;
    waiting_.push_back(connection.socket());
  }
  if (connection.has_ready()) {
    const auto io = connection.send_ready();
    if (io == Connection::Io::kClosed) return close(connection);
  }
  if (connection.has_ready()) {
    return watch(connection, connection.queued_bytes() < kMaxQueuedBytes && !draining_
                                 ? EPOLLIN | EPOLLOUT
                                 : EPOLLOUT);
  }
  if (connection.waits_for_commit()) return;
  if (connection.close_after_answers) return close(connection);
  watch(connection, EPOLLIN);
}

void Server::watch(Connection& connection, std::uint32_t events) {
  if (connection.watched_events == events) return;
  connection.watched_events = events;
  epoll_event event{};
  event.events = events;
  event.data.u64 = static_cast<std::uint64_t>(connection.socket());
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.socket(), &event);
}

void Server::close(Connection& connection) { connections_.erase(connection.socket()); }

void Server::release_held() {
  const std::vector<int> waiting = std::exchange(waiting_, {});
  waiting_.reserve(waiting.size());
  for (const int socket : waiting) {
    const auto found = connections_.find(socket);
    if (found == connections_.end() || !found->second->in_release_list) continue;
    Connection& connection = *found->second;
    connection.in_release_list = false;
    Handler& handler = *listeners_[connection.listener]->handler;
    const auto finish = [&](std::uint64_t ticket, bool keep_alive, bool head_only,
                            std::string& out) {
      response_.clear();
      handler.finish(ticket, response_);
      append_response(out, response_, date_, keep_alive, head_only);
    };
    connection.release([this](std::uint64_t ticket) { return commits_.settlement(ticket); }, finish,
                       failure_);
    const bool stopped_reading = connection.queued_bytes() < kMaxQueuedBytes &&
                                 !connection.parser().idle() && !connection.waits_for_commit();
    flush(connection);
    // Requests may have been left in the buffer because too much was queued.
    if (stopped_reading && connections_.contains(socket)) handle_requests(connection);
  }
}

void Server::sweep() {
  std::vector<int> slow;
  for (const auto& [socket, connection] : connections_) {
    const bool half_sent = !connection->parser().idle() && !connection->waits_for_commit();
    const bool over = half_sent ? now_ - connection->request_began > limits_.request_time
                                : now_ - connection->last_active > limits_.idle_time;
    const bool finished = draining_ && now_ >= linger_until_ && !connection->has_ready() &&
                          !connection->waits_for_commit();
    if (over) ++counters_.timed_out;
    if (over || finished) slow.push_back(socket);
  }
  for (const int socket : slow) close(*connections_.at(socket));
}

void Server::drain() {
  draining_ = true;
  linger_until_ = Connection::Clock::now() + limits_.linger;
  for (const auto& listener : listeners_) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener->socket.get(), nullptr);
    listener->socket.reset();
  }
}

bool Server::drained() const {
  for (const auto& [socket, connection] : connections_) {
    if (connection->has_ready() || connection->waits_for_commit()) return false;
  }
  return connections_.empty() || Connection::Clock::now() >= linger_until_;
}

}  // namespace weir::http

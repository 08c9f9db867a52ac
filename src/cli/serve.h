#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/serve/fallback.h"
#include "cli/stream/stream_options.h"
#include "core/transaction/payment.h"

namespace weir::cli {

struct ServeOptions {
  std::string bundle;
  std::string log = "journal";  ///< Or `kafka`: one of several behind a log of its own.
  StreamOptions kafka;          ///< Of that log.
  std::string kafka_properties;
  std::optional<Seconds> connect_timeout;
  int log_timeout_ms = 5000;  ///< From the sending of an event to its return.
  std::string journal = "out/journal";
  std::string listen = "127.0.0.1:8080";
  std::string metrics_listen = "127.0.0.1:9090";  ///< Empty: none.
  double damage_budget = 500'000;                 ///< Roubles in 30 days.
  std::string durability = "os";
  std::string on_full_disk = "stop";  ///< Or `rules`: answer by these until it can be written.
  std::optional<double> rules_challenge_over;  ///< Roubles.
  std::optional<double> rules_decline_over;
  std::size_t rules_queue = FallbackRules{}.most_waiting;
  double reasons_share = 0.5;
  std::string history;  ///< Lake of the payments before the first.
  std::optional<Seconds> history_to;
  std::string challenger;       ///< Bundle folder; empty: none.
  double challenger_share = 0;  ///< Of the customers; 0: shadow.
  std::string experiment = "challenger";
  std::optional<Seconds> model_poll;
  std::string clock = "system";  ///< Or `payments`: time is that of the newest one.
  std::string terminals;         ///< Range or file, as of `weir clean`; empty: every number is one.
  std::string keys;              ///< File of API keys; empty: no keys, loopback only.
  bool log_requests = false;
  std::string tls_certificate;
  std::string tls_key;
  std::string tls_client_ca;
  std::optional<Seconds> snapshot_every;
  std::optional<Seconds> retention;
  std::size_t max_connections = 10'000;
  std::size_t max_body_bytes = 1024 * 1024;
  std::size_t max_header_bytes = 16 * 1024;
  int request_timeout_ms = 10'000;
  int idle_timeout_ms = 75'000;
  int threads = 0;
};

/// Answers payments until SIGTERM or SIGINT, then drains, commits and takes a last snapshot.
/// Throws Error for a set-up that does not work.
void run_serve(const ServeOptions& options, Terminal& terminal);

void add_serve_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli

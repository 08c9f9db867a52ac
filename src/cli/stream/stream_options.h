#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/cleaning/clean_row.h"
#include "core/transaction/payment.h"
#include "edge/kafka/settings.h"
#include "edge/metrics/histogram.h"

namespace weir::cli {

/// How a process takes part in a log: `weir stream`, and `weir serve --log kafka`.
struct StreamOptions {
  std::string bundle;
  kafka::Settings kafka;
  std::string group = "weir";
  std::string instance;  ///< Unique among the group's processes; the host's name by default.
  std::string events = "weir.events";
  std::string decisions = "weir.decisions";
  std::string rejects = "weir.rejects";
  std::filesystem::path state = "out/stream";
  std::string history;  ///< Lake of payments before the log's first; empty for none.
  std::optional<Seconds> history_to;
  CleaningConfig cleaning;
  bool reasons = true;
  bool keep_answers = false;  ///< For those who ask again.
  Seconds snapshot_every = 300;
  Seconds connect_timeout = 30;
  int session_timeout_ms = 10'000;
  std::size_t batch = 20'000;  ///< Events of a transaction at most.
  int create_topics = 0;       ///< With so many partitions, where they are missing; 0 = never.
  bool until_end = false;      ///< Stop when the end of the log is reached and committed.
  int threads = 0;             ///< For reading the history.
};

/// What became of snapshots and commits, for metrics.
struct StreamCounts {
  std::uint64_t snapshots_written = 0;
  std::uint64_t snapshots_failed = 0;
  std::uint64_t snapshots_damaged = 0;
  std::uint64_t commits = 0;
  /// Transactions that the brokers had left half over, and that were ended or made good here.
  std::uint64_t repaired = 0;
  metrics::Histogram commit_seconds{metrics::latency_bounds()};
  metrics::Histogram batch_messages{metrics::count_bounds()};
};

}  // namespace weir::cli

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/command.h"
#include "core/transaction/payment.h"

namespace weir::cli {

struct ReplayOptions {
  std::string bundle;
  std::string lake;
  std::string out = "out/decisions.parquet";
  std::optional<Seconds>
      from;  ///< Decisions are kept from here; earlier payments fill the windows.
  std::optional<Seconds> to;
  std::optional<Seconds> label_delay;  ///< The bundle's own when absent.
  int threads = 0;
};

struct ReplayResult {
  std::uint64_t payments = 0;
  std::uint64_t approved = 0;
  std::uint64_t challenged = 0;
  std::uint64_t declined = 0;
  std::uint64_t genuine = 0;
  std::uint64_t frauds = 0;
  std::uint64_t genuine_touched = 0;  ///< Genuine payments challenged or declined.
  std::uint64_t frauds_through = 0;   ///< Frauds approved.
  std::int64_t exposure_minor = 0;    ///< Kopecks of all frauds.
  std::int64_t damage_minor = 0;      ///< Kopecks of frauds that went through.
  Seconds period_seconds = 0;
  double latency_us_p50 =
      0;  ///< Of one decision inside the process; measured, not part of the result.
  double latency_us_p99 = 0;
  bool labelled = false;

  double false_positive_rate() const;
  double false_negative_rate() const;
  /// Damage scaled to 30 days.
  std::int64_t damage_minor_per_month() const;
};

/// Sends a period through the pipeline as if live, label by label: a payment's outcome arrives as
/// feedback `label_delay` after it, before the first payment at or after that time.
ReplayResult run_replay(const ReplayOptions& options, Progress& progress);

void add_replay_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli

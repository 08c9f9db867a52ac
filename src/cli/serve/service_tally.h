#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "core/transaction/payment.h"
#include "edge/journal/record.h"
#include "edge/metrics/histogram.h"

namespace weir::cli {

/// What the service did since it started, in numbers. The sums of the last days survive a restart.
struct ServiceTally {
  using ActionCounts = std::array<std::uint64_t, 3>;
  /// Decisions by arm and bundle version, each by action.
  std::map<std::pair<std::string, std::string>, ActionCounts> decisions;
  metrics::Histogram probability{metrics::probability_bounds()};
  std::map<std::string, std::uint64_t, std::less<>> rejected;  ///< By rule.
  std::uint64_t repeated = 0;
  std::uint64_t late = 0;
  std::uint64_t no_reasons = 0;
  std::uint64_t no_challenger = 0;
  std::uint64_t rules = 0;  ///< Answered before they could be recorded.
  std::array<std::array<std::uint64_t, 3>, 4> feedback{};  ///< By source and outcome.
  double damage_expected_minor = 0;
  double damage_confirmed_minor = 0;

  /// Kopecks of one day, by event time.
  struct Day {
    double expected_minor = 0;
    double confirmed_minor = 0;
    std::uint64_t payments = 0;
    std::uint64_t touched = 0;
  };
  std::map<Seconds, Day> days;  ///< By midnight; the newest 31.

  /// Of one arm since the start, or of what the other model would have done.
  struct Arm {
    std::uint64_t payments = 0;
    std::uint64_t touched = 0;
    double expected_minor = 0;  ///< By the probability of whoever decided.
    double confirmed_minor = 0;
  };
  std::map<std::string, Arm, std::less<>> arms;
  /// What the model that did not decide would have done, by its version and action.
  std::map<std::string, ActionCounts, std::less<>> shadow;
  std::uint64_t disagreements = 0;

  /// Of the log: entries before it are in `days`.
  std::uint64_t position = 0;

  void add_decision(const journal::Record& record);
  /// The part that survives a restart: of decisions and of feedback that are read again.
  void add_to_month(const journal::Record& record);
  void add_damage(const journal::Record& record);
  void add_reject(std::string_view rule);
  void add_feedback(const journal::Record& record);

  /// Writes the days with `position` to a file, whole or not at all; false when that failed.
  bool save(const std::filesystem::path& file) const;
  /// Reads them back; false when there is no usable file.
  bool restore(const std::filesystem::path& file);

  /// Adds the counts of another partition's tally; not its distributions.
  void add(const ServiceTally& other);

  /// Of the 30 days up to the newest.
  Day month() const;
};

}  // namespace weir::cli

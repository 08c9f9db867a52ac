#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/transaction/payment.h"
#include "edge/journal/record.h"
#include "edge/metrics/histogram.h"

namespace weir::cli {

/// What the service did since it started, in numbers.
struct ServiceTally {
  /// Decisions by arm and bundle version, each by action.
  std::map<std::pair<std::string, std::string>, std::array<std::uint64_t, 3>> decisions;
  metrics::Histogram probability{metrics::probability_bounds()};
  std::map<std::string, std::uint64_t, std::less<>> rejected;  ///< By rule.
  std::uint64_t repeated = 0;
  std::uint64_t late = 0;
  std::uint64_t no_reasons = 0;
  std::uint64_t no_challenger = 0;
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

  void add_decision(const journal::Record& record);
  void add_reject(std::string_view rule);
  /// `went_through`: its payment was approved here. `was_fraud`: so said the feedback before.
  void add_feedback(const journal::Record& record, bool went_through, bool was_fraud);

  /// Of the 30 days up to the newest.
  Day month() const;
  /// Population stability index of the probability: the last payments against the first 10,000; 0
  /// while there are fewer than 20,000.
  double score_drift() const;

 private:
  static constexpr std::uint64_t kDriftPayments = 10'000;

  metrics::Histogram reference_{metrics::probability_bounds()};
  metrics::Histogram recent_{metrics::probability_bounds()};
  metrics::Histogram filling_{metrics::probability_bounds()};
};

}  // namespace weir::cli

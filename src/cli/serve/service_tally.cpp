#include "cli/serve/service_tally.h"

#include <vector>

#include "core/evaluation/stability_index.h"
#include "core/transaction/calendar.h"

namespace weir::cli {

void ServiceTally::add_decision(const journal::Record& record) {
  ++decisions[{record.arm, record.model}][static_cast<std::size_t>(record.action)];
  probability.observe(record.probability);
  if (reference_.count() < kDriftPayments) {
    reference_.observe(record.probability);
  } else {
    filling_.observe(record.probability);
    if (filling_.count() == kDriftPayments) {
      recent_ = filling_;
      filling_ = metrics::Histogram(metrics::probability_bounds());
    }
  }
  late += record.late;
  no_reasons += (record.degraded & journal::kDegradedNoReasons) != 0;
  no_challenger += (record.degraded & journal::kDegradedNoChallenger) != 0;
  Day& day = days[day_start(record.payment.event_time)];
  ++day.payments;
  if (record.action == Action::kApprove) {
    const double expected = record.probability * static_cast<double>(record.payment.amount_minor);
    damage_expected_minor += expected;
    day.expected_minor += expected;
  } else {
    ++day.touched;
  }
  while (days.size() > 31) days.erase(days.begin());
}

void ServiceTally::add_reject(std::string_view rule) {
  const auto found = rejected.find(rule);
  if (found != rejected.end()) {
    ++found->second;
  } else {
    rejected.emplace(rule, 1);
  }
}

void ServiceTally::add_feedback(const journal::Record& record, bool went_through, bool was_fraud) {
  ++feedback[static_cast<std::size_t>(record.source)][static_cast<std::size_t>(record.outcome)];
  const bool is_fraud = record.outcome == Outcome::kFraud;
  if (!went_through || is_fraud == was_fraud) return;
  const auto amount = static_cast<double>(record.payment.amount_minor);
  if (is_fraud) damage_confirmed_minor += amount;
  const auto day = days.find(day_start(record.payment.event_time));
  if (day != days.end()) day->second.confirmed_minor += is_fraud ? amount : -amount;
}

ServiceTally::Day ServiceTally::month() const {
  Day sum;
  if (days.empty()) return sum;
  const Seconds first = days.rbegin()->first - 29 * kSecondsPerDay;
  for (auto day = days.lower_bound(first); day != days.end(); ++day) {
    sum.expected_minor += day->second.expected_minor;
    sum.confirmed_minor += day->second.confirmed_minor;
    sum.payments += day->second.payments;
    sum.touched += day->second.touched;
  }
  return sum;
}

double ServiceTally::score_drift() const {
  if (recent_.count() == 0) return 0;
  const auto counts = [](const metrics::Histogram& histogram) {
    return std::vector<std::int64_t>(histogram.counts().begin(), histogram.counts().end());
  };
  return population_stability_index(counts(reference_), counts(recent_));
}

}  // namespace weir::cli

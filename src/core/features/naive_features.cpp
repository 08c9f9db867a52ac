#include "core/features/naive_features.h"

#include <algorithm>
#include <limits>

#include "core/features/feature_arithmetic.h"
#include "core/features/feature_engine.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr FeatureKey kKeys[] = {FeatureKey::kCustomer, FeatureKey::kTerminal, FeatureKey::kPair};

}  // namespace

NaiveFeatures::Key NaiveFeatures::key_of(FeatureKey key, const Payment& payment) {
  switch (key) {
    case FeatureKey::kCustomer:
      return {payment.customer_id, 0};
    case FeatureKey::kTerminal:
      return {payment.terminal_id, 0};
    default:
      return {payment.customer_id, payment.terminal_id};
  }
}

/// The one with the latest known_at not after `time`; of equals the one that arrived last.
Outcome NaiveFeatures::outcome_at(const Entry& entry, Seconds time) {
  Outcome outcome = Outcome::kUnanswered;
  Seconds latest = std::numeric_limits<Seconds>::min();
  for (const KnownOutcome& known : entry.outcomes) {
    if (known.known_at <= time && known.known_at >= latest) {
      latest = known.known_at;
      outcome = known.outcome;
    }
  }
  return outcome;
}

Seconds NaiveFeatures::memory_of(FeatureKey key) const {
  Seconds reach = 0;
  for (const FeatureInput& input : spec_.inputs()) {
    if (input.key == key) reach = std::max(reach, input.window + input.delay);
  }
  return reach + FeatureEngine::kLateAllowance;
}

float NaiveFeatures::value(const FeatureInput& input, const Payment& payment) const {
  WindowFacts facts;
  const auto amount = static_cast<std::uint64_t>(payment.amount_minor);
  const Seconds time = payment.event_time;
  if (input.key == FeatureKey::kPayment) return feature_value(input.aggregate, time, amount, facts);
  std::vector<const Entry*> seen;
  const auto histories = histories_.find(input.key);
  if (histories != histories_.end()) {
    const auto history = histories->second.find(key_of(input.key, payment));
    if (history != histories->second.end()) {
      const Seconds forgotten = history->second.newest - memory_of(input.key);
      for (const Entry& entry : history->second.entries) {
        if (entry.payment.event_time > forgotten) seen.push_back(&entry);
      }
    }
  }
  const Entry own{payment, {}};
  const auto is_time_since_last = input.aggregate == Aggregate::kTimeSinceLast;
  if (!is_time_since_last) seen.push_back(&own);
  const Entry* first_fraud = nullptr;
  const Entry* last_fraud = nullptr;
  const Entry* last = nullptr;
  std::vector<const Entry*> window;
  for (const Entry* entry : seen) {
    const Seconds when = entry->payment.event_time;
    if (when <= time - input.window - input.delay || when > time - input.delay) continue;
    window.push_back(entry);
    const auto kopecks = static_cast<std::uint64_t>(entry->payment.amount_minor);
    facts.count += 1;
    facts.sum += kopecks;
    facts.squares += static_cast<WideSum>(kopecks) * kopecks;
    facts.max = std::max(facts.max, kopecks);
    if (last == nullptr || when >= last->payment.event_time) last = entry;
    const Outcome outcome = outcome_at(*entry, time);
    if (outcome == Outcome::kGenuine) {
      facts.known_genuine += 1;
      facts.genuine_sum += kopecks;
    } else if (outcome == Outcome::kFraud) {
      facts.known_fraud += 1;
      if (first_fraud == nullptr || when < first_fraud->payment.event_time) first_fraud = entry;
      if (last_fraud == nullptr || when >= last_fraud->payment.event_time) last_fraud = entry;
    }
  }
  const Entry* since = is_time_since_last                                        ? last
                       : input.aggregate == Aggregate::kTimeSinceFirstKnownFraud ? first_fraud
                                                                                 : last_fraud;
  facts.seconds = static_cast<std::uint64_t>(since == nullptr ? input.window
                                                              : time - since->payment.event_time);
  // After the last fraud in the order of the history: by time, then by arrival.
  bool after = false;
  std::stable_sort(window.begin(), window.end(), [](const Entry* left, const Entry* right) {
    return left->payment.event_time < right->payment.event_time;
  });
  for (const Entry* entry : window) {
    if (entry == last_fraud) after = true;
    if ((after || last_fraud == nullptr) && outcome_at(*entry, time) == Outcome::kGenuine) {
      facts.genuine_since_fraud += 1;
    }
  }
  return feature_value(input.aggregate, time, amount, facts);
}

void NaiveFeatures::apply(const Payment& payment, std::span<float> row) {
  for (std::size_t i = 0; i < spec_.size(); ++i) row[i] = value(spec_.inputs()[i], payment);
  for (const FeatureKey key : kKeys) {
    History& history = histories_[key][key_of(key, payment)];
    if (!history.entries.empty()) {
      if (payment.event_time <= history.newest - memory_of(key)) continue;
      history.newest = std::max(history.newest, payment.event_time);
    } else {
      history.newest = payment.event_time;
    }
    history.entries.push_back({payment, {}});
  }
}

void NaiveFeatures::apply(const Feedback& feedback) {
  if (feedback.outcome == Outcome::kUnanswered) return;
  for (const FeatureKey key : kKeys) {
    History& history = histories_[key][key_of(key, feedback.payment)];
    for (Entry& entry : history.entries) {
      if (entry.payment.event_time <= history.newest - memory_of(key)) continue;
      if (entry.payment.event_time == feedback.payment.event_time &&
          entry.payment.transaction_id == feedback.payment.transaction_id) {
        entry.outcomes.push_back(
            {std::max(feedback.known_at, feedback.payment.event_time), feedback.outcome});
      }
    }
  }
}

}  // namespace weir

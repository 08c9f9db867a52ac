#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "core/features/feature_spec.h"
#include "core/transaction/payment.h"

namespace weir {

/// FeatureEngine by brute force: keeps every payment and every outcome and recomputes each input
/// from the definition. The truth that the fast ways are compared with, to the bit.
class NaiveFeatures {
 public:
  explicit NaiveFeatures(FeatureSpec spec) : spec_(std::move(spec)) {}

  void apply(const Payment& payment, std::span<float> row);
  void apply(const Feedback& feedback);

 private:
  struct KnownOutcome {
    Seconds known_at;
    Outcome outcome;
  };
  struct Entry {
    Payment payment;
    std::vector<KnownOutcome> outcomes;  // In order of arrival.
  };
  struct History {
    std::vector<Entry> entries;  // In log order.
    Seconds newest = 0;
  };
  using Key = std::pair<std::int64_t, std::int64_t>;

  static Key key_of(FeatureKey key, const Payment& payment);
  static Outcome outcome_at(const Entry& entry, Seconds time);
  Seconds memory_of(FeatureKey key) const;
  float value(const FeatureInput& input, const Payment& payment) const;

  FeatureSpec spec_;
  std::map<FeatureKey, std::map<Key, History>> histories_;
};

}  // namespace weir

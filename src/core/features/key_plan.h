#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/features/feature_spec.h"

namespace weir {

/// What must be kept for one key kind so that all its inputs can be read off.
///
/// Windows are differences of edges: edge e stands for the payments with event_time <= t - offset,
/// edge 0 has offset 0. A window (t - length - delay, t - delay] is edge(delay) - edge(length +
/// delay).
struct KeyPlan {
  struct Column {
    std::size_t index;  ///< In the spec.
    Aggregate aggregate;
    Seconds window;
    std::size_t newer;    ///< The edge at `delay`.
    std::size_t older;    ///< The edge at `window + delay`.
    std::size_t maximum;  ///< Into `maxima`, for the aggregates that want the largest amount.
  };
  struct Maximum {
    std::size_t newer;
    std::size_t older;

    friend bool operator==(const Maximum&, const Maximum&) = default;
  };

  FeatureKey key = FeatureKey::kCustomer;
  std::vector<Seconds> offsets;  ///< Of the edges, ascending, offsets[0] == 0.
  std::vector<Column> columns;   ///< By aggregate.
  std::vector<Maximum> maxima;
  bool amounts = false;       ///< Any aggregate over amounts.
  bool squares = false;       ///< Any standard deviation.
  bool outcomes = false;      ///< Any aggregate over outcomes.
  bool genuine_sums = false;  ///< Any sum over the genuine.
  bool fraud_order = false;   ///< First or last known fraud.
  Seconds memory = 0;         ///< A payment this old is forgotten.

  bool empty() const { return columns.empty(); }
};

KeyPlan make_key_plan(const FeatureSpec& spec, FeatureKey key);

}  // namespace weir

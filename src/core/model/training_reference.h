#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/features/feature_batch.h"
#include "core/features/feature_spec.h"

namespace weir {

/// How one number was spread over payments, in at most ten bins of about as many rows each.
struct ColumnReference {
  std::string name;
  std::vector<float> edges;        ///< Ascending; bin i holds edges[i - 1] <= value < edges[i].
  std::vector<std::int64_t> rows;  ///< Of each bin; one more than edges.

  std::size_t bin_of(float value) const;

  friend bool operator==(const ColumnReference&, const ColumnReference&) = default;
};

/// A value that many rows share has a bin of its own. Of many values it takes an even sample.
/// Precondition: at least one value, no NaN.
ColumnReference make_reference(std::string name, std::span<const float> values);

/// What a bundle's inputs and margins looked like in its validation period, whose rows the forest
/// was not fitted to: what later payments are compared with.
struct TrainingReference {
  std::vector<ColumnReference> inputs;  ///< In the order of the features.
  ColumnReference margin;

  std::string to_json() const;
  /// Throws Error naming `source` and what is wrong; `spec` names the inputs wanted.
  static TrainingReference parse(std::string_view text,
                                 std::string_view source,
                                 const FeatureSpec& spec);

  friend bool operator==(const TrainingReference&, const TrainingReference&) = default;
};

/// Of rows [begin, end) of `features` with their margins.
TrainingReference make_reference(const FeatureSpec& spec,
                                 const FeatureMatrix& features,
                                 std::size_t begin,
                                 std::size_t end,
                                 std::span<const float> margins);

}  // namespace weir

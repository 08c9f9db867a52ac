#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "core/features/feature_spec.h"
#include "core/transaction/payment.h"

namespace weir {

/// Rows x columns of float32, each column contiguous.
class FeatureMatrix {
 public:
  FeatureMatrix() = default;
  /// Not initialised.
  FeatureMatrix(std::size_t rows, std::size_t columns);

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  std::span<float> column(std::size_t index) { return {values_.get() + index * rows_, rows_}; }
  std::span<const float> column(std::size_t index) const {
    return {values_.get() + index * rows_, rows_};
  }

 private:
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  std::unique_ptr<float[]> values_;
};

/// Point-in-time features of a whole period: to the bit what FeatureEngine gives when it is fed
/// these payments in order and, before each payment, the labels that have become known by then
/// (known_at = event_time + label_delay <= t, of payments earlier in order).
///
/// The work has independent parts (the customers' columns, the terminals', …), so that a caller may
/// run each on a thread of its own; the bytes do not depend on that. Rows are computed in order, in
/// chunks of any size, so a period larger than memory for its features can be streamed out.
class FeatureBatch {
 public:
  /// Borrows the columns of `payments` for its lifetime. They must be in batch order (event_time,
  /// transaction_id) and have fewer than 2^32 rows. Without labels no outcome is ever known.
  /// Throws Error when the order is wrong, a time lies outside 1970..2105 or an amount is negative.
  FeatureBatch(const PaymentView& payments, const FeatureSpec& spec, Seconds label_delay);
  ~FeatureBatch();

  std::size_t part_count() const;
  /// Features of the next rows [begin, end) of `part`'s columns: columns[i] points at the place of
  /// row `begin` in spec column i. `begin` must be where this part stopped (0 at first). An empty
  /// `columns` only moves the state past the rows. Different parts may run at the same time.
  void compute(std::size_t part,
               std::size_t begin,
               std::size_t end,
               std::span<float* const> columns);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The features of all rows, on the calling thread.
FeatureMatrix compute_features(const PaymentView& payments,
                               const FeatureSpec& spec,
                               Seconds label_delay);

}  // namespace weir

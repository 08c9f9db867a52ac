#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/features/feature_batch.h"
#include "core/features/feature_spec.h"
#include "core/transaction/payment.h"
#include "core/transaction/progress.h"

namespace weir::files {

/// Payments with their features: what a model trains on.
struct FeatureTable {
  FeatureSpec spec;
  Seconds label_delay = 0;
  PaymentColumns payments;  ///< In batch order; label columns empty where the file has none.
  FeatureMatrix features;   ///< One column an input of `spec`, in its order.
};

/// Writes a feature table (Parquet, zstd), chunk by chunk; the file appears on `commit`.
///
/// Columns: those of the payment (labels only when `has_labels`), then one float32 column a
/// feature. File metadata: `weir.spec` (canonical TOML), `weir.fingerprint`,
/// `weir.label_delay_seconds`.
class FeatureTableWriter {
 public:
  FeatureTableWriter(const std::filesystem::path& target,
                     const FeatureSpec& spec,
                     Seconds label_delay,
                     bool has_labels);
  ~FeatureTableWriter();

  /// Appends the payments, whose features are the first payments.size() rows of `features`.
  void write(const PaymentView& payments, const FeatureMatrix& features);
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Reads the rows with event_time in [from, to) of a feature table; each float column is decoded
/// into its contiguous place, by `threads` threads. Throws Error when the file is missing, damaged,
/// not a feature table, or its columns are not those of the spec inside.
FeatureTable read_feature_table(const std::filesystem::path& source,
                                std::optional<Seconds> from,
                                std::optional<Seconds> to,
                                int threads,
                                Progress& progress);

}  // namespace weir::files

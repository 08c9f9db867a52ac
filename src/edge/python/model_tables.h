#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/decision/policy.h"
#include "core/features/feature_spec.h"
#include "core/model/bundle.h"
#include "core/model/scorer.h"
#include "edge/python/arrow_input.h"
#include "edge/python/arrow_output.h"

namespace weir::python {

/// The feature table of clean payments: their columns, then one float32 column an input, with the
/// metadata that `weir features` writes. Bytes do not depend on `threads` (0: all cores).
std::shared_ptr<const TableOutput> feature_table(const ArrowTable& payments,
                                                 const FeatureSpec& spec,
                                                 Seconds label_delay,
                                                 int threads);

/// A bundle ready to score.
class Model {
 public:
  Model(const BundleFiles& files, const std::string& source);

  const Bundle& bundle() const { return bundle_; }

  /// `transaction_id` where the features have it, `margin` float32, `probability` float64, `action`
  /// text. Throws Error for features of another fingerprint or a missing column.
  std::shared_ptr<const TableOutput> score(const ArrowTable& features, int threads) const;

 private:
  std::string source_;
  Bundle bundle_;
  std::optional<Policy> policy_;  // None with beliefs.
  Scorer scorer_;
};

struct EvaluateSettings {
  double false_positive_rate = 0.05;
  std::size_t cards = 100;
  int bootstrap = 200;
  std::uint64_t seed = 1;
  int threads = 0;
};

/// JSON with the names of `weir evaluate --json`. `scores` has `margin`, may have `probability`,
/// and one row a payment in the same order.
std::string evaluate_table(const ArrowTable& payments,
                           const ArrowTable& scores,
                           const EvaluateSettings& settings);

}  // namespace weir::python

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/features/feature_input.h"

namespace weir {

/// An ordered list of model inputs out of a fixed vocabulary.
///
/// Text form (TOML; `window` and `delay` may be arrays, each combination is an input of its own):
///
///     name = "mine"
///     input = [
///       { key = "payment", aggregate = "amount" },
///       { key = "customer", aggregate = "mean", window = ["1d", "7d"] },
///       { key = "terminal", aggregate = "risk", window = "30d", delay = "7d" },
///     ]
class FeatureSpec {
 public:
  static constexpr std::size_t kMaxInputs = 256;
  static constexpr Seconds kMaxReach = 400 * kSecondsPerDay;  ///< Of window + delay.

  /// Throws Error naming `source`, the line, the word and the nearest known one.
  static FeatureSpec parse(std::string_view toml, std::string_view source);
  /// `handbook`: the 15 inputs of the Fraud Detection Handbook. `weir`: ours. `card`: ours for a
  /// bundle with beliefs, without any outcome among them. Throws UsageError for another name.
  static FeatureSpec builtin(std::string_view name);
  static bool is_builtin(std::string_view name);

  const std::string& name() const { return name_; }
  const std::vector<FeatureInput>& inputs() const { return inputs_; }
  /// Column names, in column order.
  const std::vector<std::string>& names() const { return names_; }
  std::size_t size() const { return inputs_.size(); }
  /// Whether any input looks at known outcomes.
  bool needs_outcomes() const;
  /// 32 hex digits (XXH3-128) of the inputs in order and the version of their meaning; the spec's
  /// own name has no part in it. Equal fingerprints: equal columns.
  const std::string& fingerprint() const { return fingerprint_; }
  /// Canonical text: parses back to an equal spec, and equal specs give equal text.
  std::string to_toml() const;

 private:
  FeatureSpec(std::string name, std::vector<FeatureInput> inputs);

  std::string name_;
  std::vector<FeatureInput> inputs_;
  std::vector<std::string> names_;
  std::string fingerprint_;
};

}  // namespace weir

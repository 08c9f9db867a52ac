#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/model/byte_kernel.h"
#include "core/model/forest.h"
#include "core/model/scorer.h"

namespace weir {

/// A forest laid out for byte_kernel.h, which says what the arrays hold.
class ByteForest {
 public:
  /// `node_bias` is added to the slot numbers in `nodes`, for the look-up of the lanes in use.
  /// Nothing when the forest does not fit: deeper than 6, more than 64 inputs in use, or an input
  /// with more than 254 distinct thresholds (XGBoost's max_bin 256 allows 255, seldom met).
  static std::optional<ByteForest> make(const Forest& forest, std::uint8_t node_bias);

  ByteForestView view() const;

 private:
  struct alignas(64) Line {
    std::array<std::uint8_t, 64> bytes;
  };
  struct alignas(64) Sixteen {
    std::array<float, 16> values;
  };
  struct alignas(64) Leaves {
    std::array<float, 64> values;
  };

  ByteForest() = default;

  std::size_t feature_count_ = 0;
  std::size_t tree_count_ = 0;
  float base_margin_ = 0;
  std::vector<ByteInput> inputs_;
  std::vector<Sixteen> thresholds_;
  std::vector<Line> splits_;   // Two lines a tree.
  std::vector<Line> missing_;  // Two lines a tree.
  std::vector<Leaves> leaves_;
};

/// The layouts of kAvx2, kVbmi and kEmulated; nullptr when the forest does not fit or this build is
/// for another kind of processor. Does not ask which instructions the processor has.
std::unique_ptr<const Scorer::Engine> make_byte_engine(const Forest& forest, ScorerKind kind);

}  // namespace weir

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/model/forest.h"

namespace weir {

/// A tree filled up to 2^depth leaves, so that a walk always takes `depth` steps and needs no
/// pointers: split k (counted from 1) has the children 2k and 2k + 1, leaves follow the splits.
/// A leaf higher up stands at all places below it, whatever the splits filled in say.
struct CompleteTree {
  /// At index k; [0] is unused. A filled-in place is nullptr.
  std::vector<const ForestNode*> splits;
  std::vector<float> leaves;
};

/// `tree` must have no more than `depth` levels of splits. `right_first` puts the right child at
/// 2k.
CompleteTree complete(std::span<const ForestNode> tree, std::size_t depth, bool right_first);

/// The features that some split of the forest looks at, in ascending order.
std::vector<std::uint32_t> used_features(const Forest& forest);

}  // namespace weir

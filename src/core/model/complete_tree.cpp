#include "core/model/complete_tree.h"

#include <utility>

#include "core/transaction/error.h"

namespace weir {
namespace {

void place(std::span<const ForestNode> tree,
           const ForestNode& node,
           std::size_t at,
           bool right_first,
           CompleteTree& result) {
  const std::size_t width = result.leaves.size();
  if (at >= width) {
    WEIR_CHECK(node.is_leaf());
    result.leaves[at - width] = node.value;
    return;
  }
  const ForestNode* first = &node;
  const ForestNode* second = &node;
  if (!node.is_leaf()) {
    result.splits[at] = &node;
    first = &tree[static_cast<std::size_t>(node.left)];
    second = &tree[static_cast<std::size_t>(node.right)];
    if (right_first) std::swap(first, second);
  }
  place(tree, *first, 2 * at, right_first, result);
  place(tree, *second, 2 * at + 1, right_first, result);
}

}  // namespace

CompleteTree complete(std::span<const ForestNode> tree, std::size_t depth, bool right_first) {
  const std::size_t width = std::size_t{1} << depth;
  CompleteTree result{std::vector<const ForestNode*>(width, nullptr), std::vector<float>(width)};
  place(tree, tree[0], 1, right_first, result);
  return result;
}

std::vector<std::uint32_t> used_features(const Forest& forest) {
  std::vector<bool> used(forest.feature_count(), false);
  for (std::size_t i = 0; i < forest.tree_count(); ++i) {
    for (const ForestNode& node : forest.tree(i)) {
      if (!node.is_leaf()) used[node.feature] = true;
    }
  }
  std::vector<std::uint32_t> result;
  for (std::uint32_t feature = 0; feature < forest.feature_count(); ++feature) {
    if (used[feature]) result.push_back(feature);
  }
  return result;
}

}  // namespace weir

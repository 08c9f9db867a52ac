#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// A split or a leaf. `left` and `right` count within the tree, whose root is node 0.
struct ForestNode {
  std::int32_t left = -1;     ///< -1 in a leaf.
  std::int32_t right = -1;    ///< -1 in a leaf.
  std::uint32_t feature = 0;  ///< The input a split looks at.
  float value = 0;  ///< Split: an input below goes left. Leaf: what it adds to the margin.
  float cover = 0;  ///< Sum of the hessians of the training rows that came here.
  float gain = 0;   ///< What the split won in training; 0 in a leaf.
  bool missing_left = false;  ///< Where a split sends an input that is NaN.

  bool is_leaf() const { return left < 0; }
  bool operator==(const ForestNode&) const = default;
};

/// An ensemble of binary trees as trained by XGBoost with `binary:logistic`.
///
/// margin(row) = base_margin + leaf of tree 0 + leaf of tree 1 + …, added in float32 from left to
/// right: exactly XGBoost's own order, so the margin equals XGBoost's to the bit. The probability
/// XGBoost would print is 1 / (1 + exp(-margin)).
///
/// Immutable and free of pointers into the bytes it was read from.
class Forest {
 public:
  /// Reads what XGBoost's `save_model("x.json")` wrote. Checks every step; throws Error naming
  /// `source` (a file name, only for the text) and the place in the document.
  static Forest parse_json(std::string_view bytes, std::string_view source);
  /// The same for `save_model("x.ubj")` (Universal Binary JSON, draft 12, big-endian).
  static Forest parse_ubj(std::string_view bytes, std::string_view source);
  /// Either of the two, told apart by the second byte.
  static Forest parse(std::string_view bytes, std::string_view source);

  std::size_t feature_count() const { return feature_count_; }
  /// As many as `feature_count`, or none when the model was trained without names.
  const std::vector<std::string>& feature_names() const { return feature_names_; }
  /// The margin of a forest without trees: the logit of the model's `base_score`.
  float base_margin() const { return base_margin_; }

  std::size_t tree_count() const { return first_node_.size() - 1; }
  std::size_t node_count() const { return nodes_.size(); }
  /// The nodes of one tree, breadth first, all of them reachable from node 0.
  std::span<const ForestNode> tree(std::size_t index) const {
    return {nodes_.data() + first_node_[index], nodes_.data() + first_node_[index + 1]};
  }
  /// The most splits on any way from a root to a leaf; 0 when every tree is one leaf.
  std::size_t depth() const { return depth_; }

  /// Total gain by feature (XGBoost's importance type "total_gain"), 0 for unused ones.
  std::vector<double> total_gain() const;

  bool operator==(const Forest&) const = default;

 private:
  friend class ForestBuilder;
  Forest() = default;

  std::size_t feature_count_ = 0;
  std::vector<std::string> feature_names_;
  float base_margin_ = 0;
  std::size_t depth_ = 0;
  std::vector<ForestNode> nodes_;
  std::vector<std::size_t> first_node_ = {0};  // One more than trees.
};

}  // namespace weir

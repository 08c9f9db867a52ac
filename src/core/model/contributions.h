#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/model/forest.h"

namespace weir {

/// How much each input moved the margin of a row away from the forest's mean: exact TreeSHAP,
/// path-dependent, as XGBoost's `pred_contribs` (within 1e-5 of it, which adds in float32).
///
/// The values of Algorithm 2 of Lundberg, Erion, Lee, "Consistent Individualized Feature
/// Attribution for Tree Ensembles", arXiv 1802.03888 (2018), by sums over edges as in Yu, Xu,
/// Bifet, Read, "Linear TreeSHAP" (NeurIPS 2022), with Gauss-Legendre points, exact up to rounding.
///
/// What an edge multiplies and adds depends on the row only in whether the row takes it, so all of
/// that is made once, for three cases: a row costs a multiplication and an addition an edge and
/// point, no division. 192 bytes an edge up to a depth of 8, as much again for each 8 beyond.
/// Borrows nothing from the forest; any thread may call it.
class TreeShap {
 public:
  explicit TreeShap(const Forest& forest);

  /// Writes `forest.feature_count() + 1` values: one an input of `row`, then the bias (base margin
  /// plus the mean of each tree over its training rows, weighted by cover). They add up to the
  /// margin.
  void contributions(std::span<const float> row, std::span<double> out) const;

 private:
  static constexpr std::size_t kLanes = 4;
  using Lanes = double __attribute__((vector_size(kLanes * sizeof(double))));
  /// Points and weights of quadrature on [0, 1].
  struct Points {
    Lanes at;
    Lanes weight;
  };
  /// Whether the row takes an edge, and took the one above it that asks about the same input.
  enum Case : std::uint8_t { kOn, kOff, kOffAgain };
  struct Step {
    Lanes ratio = {};  // From the product above the edge to that below it; times a leaf's value.
    Lanes moved = {};  // What the leaves below add to the input, for a sum of 1.
  };
  struct Edge {
    std::array<Step, 3> steps;  // By case.
  };
  /// Of one of the two edges below a split: the node that it leads to, and the edge above that asks
  /// about the same input, by the node that it leads to; the root for none.
  struct Child {
    std::uint32_t node = 0;
    std::uint32_t previous = 0;
  };
  struct Split {
    std::uint32_t node = 0;
    std::uint32_t feature = 0;
    float value = 0;
    bool missing_left = false;
    Child left;
    Child right;
  };

  static std::vector<Points> quadrature(std::size_t points);
  void add_tree(std::span<const ForestNode> tree, const std::vector<Points>& points);
  static Edge edge_of(
      double zero, double zero_before, bool asked_before, double value, const Points& points);

  std::size_t features_ = 0;
  std::size_t blocks_ = 0;
  std::size_t most_nodes_ = 0;  // Of a tree.
  struct Tree {
    std::size_t first_split;
    std::size_t end_split;
    std::size_t first_edge;  // By block and node.
    std::size_t nodes;
  };
  std::vector<Tree> trees_;
  std::vector<Split> splits_;  // Those above first.
  std::vector<Edge> edges_;    // To each node; unused for the root.
  double bias_ = 0;
};

}  // namespace weir

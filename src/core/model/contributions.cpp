#include "core/model/contributions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr std::size_t kLanes = 4;
using Lanes = std::array<double, kLanes>;

/// Gauss-Legendre points and weights on [0, 1], `kLanes` at a time: exact for polynomials of a
/// degree below twice their number. Points of weight 0 fill up the last lanes.
class Quadrature {
 public:
  explicit Quadrature(std::size_t points) : blocks_((points + kLanes - 1) / kLanes) {
    for (std::size_t block = 0; block < blocks_.size(); ++block) {
      blocks_[block].at.fill(0.5);
      blocks_[block].weight.fill(0);
    }
    const auto count = static_cast<double>(points);
    for (std::size_t i = 0; i < points; ++i) {
      // Newton's method on the Legendre polynomial, from a guess that lies next to its root.
      double x = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (count + 0.5));
      double slope = 1;
      for (int step = 0; step < 20; ++step) {
        double value = 1;
        double before = 0;
        for (std::size_t n = 1; n <= points; ++n) {
          const auto order = static_cast<double>(n);
          const double next = ((2 * order - 1) * x * value - (order - 1) * before) / order;
          before = value;
          value = next;
        }
        slope = count * (x * value - before) / (x * x - 1);
        x -= value / slope;
      }
      Block& block = blocks_[i / kLanes];
      block.at[i % kLanes] = (1 + x) / 2;
      block.weight[i % kLanes] = 1 / ((1 - x * x) * slope * slope);
    }
  }

  struct Block {
    Lanes at;
    Lanes weight;
  };
  const std::vector<Block>& blocks() const { return blocks_; }

 private:
  std::vector<Block> blocks_;
};

/// Adds the Shapley values of trees, integrated at the points of one block.
///
/// In a leaf of value v, whose path asks about inputs j, knowing the inputs S gives
/// v · Π(j in S) one_j · Π(j not in S) zero_j: `zero` is the share of training rows that go on
/// when j is unknown, `one` is 1 when this row goes on, else 0. The Shapley value of input i is
/// then v · (one_i - zero_i) · ∫ Π(j ≠ i) (t · one_j + (1 - t) · zero_j) dt over t in [0, 1], a
/// polynomial of a degree below the depth. All leaves behind an edge share the factor of its input,
/// so their products are added up first and each edge is integrated once.
class TreeShap {
 public:
  TreeShap(const Quadrature::Block& points, std::span<const float> row, std::span<double> out)
      : points_(points), row_(row), out_(out), asked_(row.size()) {
    for (std::size_t k = 0; k < kLanes; ++k) inverse_rest_[k] = 1 / (1 - points.at[k]);
  }

  void add(std::span<const ForestNode> tree) {
    tree_ = tree;
    Lanes product;
    product.fill(1);
    visit(tree_[0], product, 1.0);
  }
  /// The sum of the means of all trees over their training rows.
  double mean() const { return mean_; }

 private:
  /// What the way to the current node says of one input.
  struct Asked {
    double zero = 1;
    double one = 1;
    Lanes factor = {1, 1, 1, 1};   // t · one + (1 - t) · zero at each point.
    Lanes inverse = {1, 1, 1, 1};  // 1 / factor.
  };

  /// The sum of the products of all leaves below `node`, the way to which has `product`; `reach` is
  /// the share of the tree's training rows that come here.
  Lanes visit(const ForestNode& node, const Lanes& product, double reach) {
    Lanes sum;
    if (node.is_leaf()) {
      mean_ += reach * static_cast<double>(node.value);
      for (std::size_t k = 0; k < kLanes; ++k) {
        sum[k] = static_cast<double>(node.value) * product[k];
      }
      return sum;
    }
    const float input = row_[node.feature];
    const bool goes_left = input != input ? node.missing_left : input < node.value;
    sum = follow(node, node.left, goes_left, product, reach);
    const Lanes right = follow(node, node.right, !goes_left, product, reach);
    for (std::size_t k = 0; k < kLanes; ++k) sum[k] += right[k];
    return sum;
  }

  Lanes follow(
      const ForestNode& node, std::int32_t index, bool goes, const Lanes& product, double reach) {
    const ForestNode& child = tree_[static_cast<std::size_t>(index)];
    const double share =
        node.cover > 0 ? static_cast<double>(child.cover) / static_cast<double>(node.cover) : 0.0;
    Asked& asked = asked_[node.feature];
    const Asked before = asked;
    asked.zero = before.zero * share;
    asked.one = goes ? before.one : 0.0;
    // No training row came this way, and this row does not either: every product is 0.
    if (asked.zero == 0 && asked.one == 0) {
      asked = before;
      return {};
    }
    Lanes products;
    if (asked.one == 0) {
      const double inverse_zero = 1 / asked.zero;  // One division, not one a point.
      for (std::size_t k = 0; k < kLanes; ++k) {
        asked.factor[k] = (1 - points_.at[k]) * asked.zero;
        asked.inverse[k] = inverse_rest_[k] * inverse_zero;
      }
    } else {
      for (std::size_t k = 0; k < kLanes; ++k) {
        asked.factor[k] = points_.at[k] + (1 - points_.at[k]) * asked.zero;
        asked.inverse[k] = 1 / asked.factor[k];
      }
    }
    for (std::size_t k = 0; k < kLanes; ++k) {
      products[k] = product[k] * before.inverse[k] * asked.factor[k];
    }
    const Lanes inverse = asked.inverse;
    const double gain = asked.one - asked.zero;
    const Lanes sum = visit(child, products, reach * share);
    asked = before;
    // The edge above that asked about the same input counts these leaves too, by its own factor:
    // that is taken back.
    const double gain_before = before.one - before.zero;
    double moved = 0;
    for (std::size_t k = 0; k < kLanes; ++k) {
      moved += points_.weight[k] * sum[k] * (gain * inverse[k] - gain_before * before.inverse[k]);
    }
    out_[node.feature] += moved;
    return sum;
  }

  const Quadrature::Block& points_;
  std::span<const float> row_;
  std::span<double> out_;
  std::vector<Asked> asked_;  // By input; untouched ones are 1 throughout.
  std::span<const ForestNode> tree_;
  Lanes inverse_rest_;  // 1 / (1 - t) at each point.
  double mean_ = 0;
};

}  // namespace

void contributions(const Forest& forest, std::span<const float> row, std::span<double> out) {
  WEIR_CHECK(row.size() == forest.feature_count());
  WEIR_CHECK(out.size() == forest.feature_count() + 1);
  std::fill(out.begin(), out.end(), 0.0);
  static const Quadrature shallow(kLanes);
  const std::size_t points = std::max(kLanes, (forest.depth() + 1) / 2);
  const Quadrature deep(points == kLanes ? 1 : points);
  for (const auto& block : (points == kLanes ? shallow : deep).blocks()) {
    TreeShap shap(block, row, out);
    for (std::size_t i = 0; i < forest.tree_count(); ++i) shap.add(forest.tree(i));
    out.back() = static_cast<double>(forest.base_margin()) + shap.mean();
  }
}

}  // namespace weir

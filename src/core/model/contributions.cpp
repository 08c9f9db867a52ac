#include "core/model/contributions.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/transaction/error.h"

namespace weir {

/// Gauss-Legendre points and weights, `kLanes` at a time: exact for polynomials of a degree below
/// twice their number. Points of weight 0 fill up the last lanes.
std::vector<TreeShap::Points> TreeShap::quadrature(std::size_t points) {
  std::vector<Points> blocks((points + kLanes - 1) / kLanes);
  for (Points& block : blocks) {
    block.at = Lanes{} + 0.5;
    block.weight = Lanes{};
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
    Points& block = blocks[i / kLanes];
    block.at[i % kLanes] = (1 + x) / 2;
    block.weight[i % kLanes] = 1 / ((1 - x * x) * slope * slope);
  }
  return blocks;
}

/// In a leaf of value v, whose path asks about inputs j, knowing the inputs S gives
/// v · Π(j in S) one_j · Π(j not in S) zero_j: `zero` is the share of training rows that go on
/// when j is unknown, `one` is 1 when this row goes on, else 0. The Shapley value of input i is
/// then v · (one_i - zero_i) · ∫ Π(j ≠ i) (t · one_j + (1 - t) · zero_j) dt over t in [0, 1], a
/// polynomial of a degree below the depth. All leaves behind an edge share the factor of its input,
/// so their products are added up first and each edge is integrated once. An edge that asks about
/// an input again takes back what the edge above said of the same leaves.
TreeShap::Edge TreeShap::edge_of(
    double zero, double zero_before, bool asked_before, double value, const Points& points) {
  Edge edge;
  for (std::size_t k = 0; k < kLanes; ++k) {
    const double t = points.at[k];
    const double on = t + (1 - t) * zero;
    const double off = (1 - t) * zero;
    const double inverse_before = asked_before ? 1 / (t + (1 - t) * zero_before) : 1.0;
    const double before = asked_before ? (1 - zero_before) * inverse_before : 0.0;
    edge.steps[kOn].ratio[k] = value * on * inverse_before;
    edge.steps[kOn].moved[k] = points.weight[k] * ((1 - zero) / on - before);
    // No training row came this way, and this row does not either: every product is 0.
    if (zero == 0) continue;
    edge.steps[kOff].ratio[k] = value * off * inverse_before;
    edge.steps[kOff].moved[k] = points.weight[k] * (-zero / off - before);
    // Off already: less of the same, which moves nothing.
    edge.steps[kOffAgain].ratio[k] = value * zero / zero_before;
  }
  return edge;
}

TreeShap::TreeShap(const Forest& forest) : features_(forest.feature_count()) {
  const auto points = quadrature(std::max(kLanes, (forest.depth() + 1) / 2));
  blocks_ = points.size();
  edges_.reserve(forest.node_count() * blocks_);
  bias_ = static_cast<double>(forest.base_margin());
  for (std::size_t i = 0; i < forest.tree_count(); ++i) add_tree(forest.tree(i), points);
}

void TreeShap::add_tree(std::span<const ForestNode> tree, const std::vector<Points>& points) {
  struct Way {
    std::uint32_t parent = 0;
    std::uint32_t asked = 0;
    std::uint32_t previous = 0;
    double zero = 1;   // Of the edge's input, all edges on the way that ask about it together.
    double reach = 1;  // Share of the training rows that come here.
  };
  std::vector<Way> ways(tree.size());
  const std::size_t first_split = splits_.size();
  for (std::uint32_t i = 0; i < tree.size(); ++i) {
    const ForestNode& node = tree[i];
    if (node.is_leaf()) {
      bias_ += ways[i].reach * static_cast<double>(node.value);
      continue;
    }
    const auto follow = [&](std::int32_t index) {
      const auto child = static_cast<std::uint32_t>(index);
      WEIR_CHECK(child > i);  // Breadth first.
      const auto cover = static_cast<double>(node.cover);
      const double share = cover > 0 ? static_cast<double>(tree[child].cover) / cover : 0.0;
      std::uint32_t previous = i;
      while (previous != 0 && ways[previous].asked != node.feature) {
        previous = ways[previous].parent;
      }
      // The root's is 1, as of an input that was not asked about.
      ways[child] = {i, node.feature, previous, ways[previous].zero * share, ways[i].reach * share};
      return Child{child, previous};
    };
    Split split{i, node.feature, node.value, node.missing_left, {}, {}};
    split.left = follow(node.left);
    split.right = follow(node.right);
    splits_.push_back(split);
  }
  trees_.push_back({first_split, splits_.size(), edges_.size(), tree.size()});
  most_nodes_ = std::max(most_nodes_, tree.size());
  for (const Points& block : points) {
    for (std::size_t i = 0; i < tree.size(); ++i) {
      const Way& way = ways[i];
      const double value = tree[i].is_leaf() ? static_cast<double>(tree[i].value) : 1.0;
      edges_.push_back(
          i == 0 ? Edge()
                 : edge_of(way.zero, ways[way.previous].zero, way.previous != 0, value, block));
    }
  }
}

void TreeShap::contributions(std::span<const float> row, std::span<double> out) const {
  WEIR_CHECK(row.size() == features_);
  WEIR_CHECK(out.size() == features_ + 1);
  std::vector<Lanes> moved(features_);
  std::vector<Lanes> values(most_nodes_);  // Products on the way down, sums on the way up.
  std::vector<std::uint8_t> cases(most_nodes_);
  for (const Tree& tree : trees_) {
    const std::span<const Split> splits(splits_.data() + tree.first_split,
                                        splits_.data() + tree.end_split);
    const Edge* edges = edges_.data() + tree.first_edge;
    for (std::size_t block = 0; block < blocks_; ++block, edges += tree.nodes) {
      values[0] = Lanes{} + 1.0;
      cases[0] = kOn;
      for (const Split& split : splits) {
        const float input = row[split.feature];
        const bool goes_left = input != input ? split.missing_left : input < split.value;
        const Lanes product = values[split.node];
        const auto follow = [&](const Child& child, bool goes) {
          const bool on_before = cases[child.previous] == kOn;
          // No branch: which way a row goes cannot be guessed.
          const auto now =
              static_cast<std::uint8_t>(kOffAgain - on_before - (on_before && goes ? 1 : 0));
          cases[child.node] = now;
          values[child.node] = product * edges[child.node].steps[now].ratio;
        };
        follow(split.left, goes_left);
        follow(split.right, !goes_left);
      }
      for (std::size_t i = splits.size(); i-- > 0;) {
        const Split& split = splits[i];
        const auto sum = [&](const Child& child) -> const Lanes& { return values[child.node]; };
        const auto weight = [&](const Child& child) -> const Lanes& {
          return edges[child.node].steps[cases[child.node]].moved;
        };
        moved[split.feature] +=
            weight(split.left) * sum(split.left) + weight(split.right) * sum(split.right);
        values[split.node] = sum(split.left) + sum(split.right);
      }
    }
  }
  for (std::size_t i = 0; i < features_; ++i) {
    out[i] = (moved[i][0] + moved[i][1]) + (moved[i][2] + moved[i][3]);
  }
  out.back() = bias_;
}

}  // namespace weir

#include "core/model/contributions.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr std::int64_t kNoFeature = -1;  // The root's step, which no input decides.

/// One feature on the way from the root to the current node.
struct Step {
  std::int64_t feature = kNoFeature;
  double zero_fraction = 0;  // Share of training rows that go on when the feature is unknown.
  double one_fraction = 0;   // 1 when this row goes on, else 0.
  double weight = 0;         // Of the subsets of this size that go on, see EXTEND in the paper.
};

class TreeShap {
 public:
  TreeShap(std::size_t depth, std::span<const float> row, std::span<double> out)
      : row_(row), out_(out), steps_((depth + 2) * (depth + 3) / 2) {}

  void add(std::span<const ForestNode> tree) {
    tree_ = tree;
    visit(0, steps_.data(), 0, 1.0, 1.0, kNoFeature, 1.0);
  }

 private:
  static void extend(Step* steps, std::size_t last, double zero, double one, std::int64_t feature) {
    steps[last] = {feature, zero, one, last == 0 ? 1.0 : 0.0};
    const auto size = static_cast<double>(last + 1);
    for (std::size_t i = last; i-- > 0;) {
      steps[i + 1].weight += one * steps[i].weight * static_cast<double>(i + 1) / size;
      steps[i].weight *= zero * static_cast<double>(last - i) / size;
    }
  }

  /// Undoes the extend that brought steps[index]; steps[0 .. last - 1] remain.
  static void unwind(Step* steps, std::size_t last, std::size_t index) {
    const double one = steps[index].one_fraction;
    const double zero = steps[index].zero_fraction;
    const auto size = static_cast<double>(last + 1);
    double next = steps[last].weight;
    for (std::size_t i = last; i-- > 0;) {
      if (one != 0) {
        const double weight = steps[i].weight;
        steps[i].weight = next * size / (static_cast<double>(i + 1) * one);
        next = weight - steps[i].weight * zero * static_cast<double>(last - i) / size;
      } else if (zero != 0) {
        steps[i].weight = steps[i].weight * size / (zero * static_cast<double>(last - i));
      } else {
        steps[i].weight = 0;  // No training row came this way, and this row does not either.
      }
    }
    for (std::size_t i = index; i < last; ++i) {
      const double weight = steps[i].weight;
      steps[i] = steps[i + 1];
      steps[i].weight = weight;
    }
  }

  /// The sum of weights after an unwind of steps[index], which is not carried out.
  static double unwound_sum(const Step* steps, std::size_t last, std::size_t index) {
    const double one = steps[index].one_fraction;
    const double zero = steps[index].zero_fraction;
    const auto size = static_cast<double>(last + 1);
    double next = steps[last].weight;
    double total = 0;
    for (std::size_t i = last; i-- > 0;) {
      if (one != 0) {
        const double weight = next * size / (static_cast<double>(i + 1) * one);
        total += weight;
        next = steps[i].weight - weight * zero * static_cast<double>(last - i) / size;
      } else if (zero != 0) {
        total += steps[i].weight * size / (zero * static_cast<double>(last - i));
      }
    }
    return total;
  }

  /// `parent` holds the steps before this node; `reach` is the share of training rows of the tree
  /// that come here.
  void visit(std::int32_t index,
             Step* parent,
             std::size_t size,
             double zero,
             double one,
             std::int64_t feature,
             double reach) {
    const ForestNode& node = tree_[static_cast<std::size_t>(index)];
    // The scratch is a triangle: each level works on its own copy, right after its parent's.
    Step* steps = parent + size;
    std::copy_n(parent, size, steps);
    extend(steps, size, zero, one, feature);
    if (node.is_leaf()) {
      const auto value = static_cast<double>(node.value);
      out_.back() += reach * value;
      for (std::size_t i = 1; i <= size; ++i) {
        out_[static_cast<std::size_t>(steps[i].feature)] +=
            unwound_sum(steps, size, i) * (steps[i].one_fraction - steps[i].zero_fraction) * value;
      }
      return;
    }
    const float input = row_[node.feature];
    const bool goes_left = input != input ? node.missing_left : input < node.value;
    double before_zero = 1;
    double before_one = 1;
    std::size_t last = size;
    for (std::size_t i = 1; i <= size; ++i) {
      if (steps[i].feature == node.feature) {  // Seen higher up: one step stands for both.
        before_zero = steps[i].zero_fraction;
        before_one = steps[i].one_fraction;
        unwind(steps, size, i);
        --last;
        break;
      }
    }
    for (const bool left : {true, false}) {
      const std::int32_t child = left ? node.left : node.right;
      const double cover = static_cast<double>(tree_[static_cast<std::size_t>(child)].cover);
      const double share = node.cover > 0 ? cover / static_cast<double>(node.cover) : 0.0;
      visit(child, steps, last + 1, before_zero * share, left == goes_left ? before_one : 0.0,
            node.feature, reach * share);
    }
  }

  std::span<const float> row_;
  std::span<double> out_;
  std::vector<Step> steps_;
  std::span<const ForestNode> tree_;
};

}  // namespace

void contributions(const Forest& forest, std::span<const float> row, std::span<double> out) {
  WEIR_CHECK(row.size() == forest.feature_count());
  WEIR_CHECK(out.size() == forest.feature_count() + 1);
  std::fill(out.begin(), out.end(), 0.0);
  out.back() = static_cast<double>(forest.base_margin());
  TreeShap shap(forest.depth(), row, out);
  for (std::size_t i = 0; i < forest.tree_count(); ++i) shap.add(forest.tree(i));
}

}  // namespace weir

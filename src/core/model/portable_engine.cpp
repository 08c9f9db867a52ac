#include "core/model/portable_engine.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/model/complete_tree.h"

namespace weir {
namespace {

constexpr std::size_t kMostDepth = 10;
constexpr std::size_t kMostInputs = 256;
/// Trees walked side by side: enough to hide the latency of one step behind the others' steps.
constexpr std::size_t kAbreast = 8;
/// Rows that share one pass over the trees, so that a group of trees stays in the first-level
/// cache.
constexpr std::size_t kRowsABlock = 16;

/// An integer that orders as the float does (-0 as +0), so that a comparison is one integer
/// instruction whose carry is the next bit of the walk. Of finite floats between 1 and 2^32 - 2.
std::uint32_t order_key(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value + 0.0F);
  return (bits >> 31U) != 0 ? ~bits : bits | 0x80000000U;
}
constexpr std::uint32_t kBelowAll = 0;
constexpr std::uint32_t kAboveAll = ~0U;

struct Split {
  std::uint32_t key = kBelowAll;  // Left when the input's key is below; filled-in splits: never.
  std::uint32_t slot = 0;         // Of the row's keys.
};

template <std::size_t depth>
class PortableEngine final : public Scorer::Engine {
 public:
  PortableEngine(const Forest& forest, std::vector<std::uint32_t> inputs)
      : feature_count_(forest.feature_count()),
        base_margin_(forest.base_margin()),
        trees_(forest.tree_count()),
        inputs_(std::move(inputs)) {
    // The last group is filled up with trees that nobody adds up.
    const std::size_t places = (trees_ + kAbreast - 1) / kAbreast * kAbreast;
    splits_.resize(places * kWidth);
    leaves_.resize(places * kWidth);
    for (std::size_t t = 0; t < trees_; ++t) {
      const CompleteTree tree = complete(forest.tree(t), depth, /*right_first=*/true);
      std::copy(tree.leaves.begin(), tree.leaves.end(), leaves_.begin() + offset(t));
      for (std::size_t k = 1; k < kWidth; ++k) {
        const ForestNode* node = tree.splits[k];
        if (node == nullptr) continue;
        const auto input = std::lower_bound(inputs_.begin(), inputs_.end(), node->feature);
        splits_[t * kWidth + k] = {order_key(node->value),
                                   2 * static_cast<std::uint32_t>(input - inputs_.begin()) +
                                       (node->missing_left ? 0U : 1U)};
      }
    }
  }

  void margins(const float* rows, std::size_t count, float* out) const override {
    std::array<std::uint32_t, kRowsABlock * 2 * kMostInputs> keys;
    const std::size_t stride = 2 * inputs_.size();
    for (std::size_t first = 0; first < count; first += kRowsABlock) {
      const std::size_t block = std::min(kRowsABlock, count - first);
      for (std::size_t r = 0; r < block; ++r) {
        fill_keys(rows + (first + r) * feature_count_, keys.data() + r * stride);
        out[first + r] = base_margin_;
      }
      for (std::size_t t = 0; t < trees_; t += kAbreast) {
        for (std::size_t r = 0; r < block; ++r) {
          out[first + r] =
              add_group(splits_.data() + t * kWidth, leaves_.data() + t * kWidth,
                        std::min(kAbreast, trees_ - t), keys.data() + r * stride, out[first + r]);
        }
      }
    }
  }

 private:
  static constexpr std::size_t kWidth = std::size_t{1} << depth;
  static std::ptrdiff_t offset(std::size_t tree) {
    return static_cast<std::ptrdiff_t>(tree * kWidth);
  }

  /// Each input twice: a missing one goes left at even slots and right at odd ones.
  void fill_keys(const float* row, std::uint32_t* keys) const {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const float value = row[inputs_[i]];
      const bool missing = value != value;
      const std::uint32_t key = order_key(value);
      keys[2 * i] = missing ? kBelowAll : key;
      keys[2 * i + 1] = missing ? kAboveAll : key;
    }
  }

  /// Walks kAbreast trees, adds the leaves of the first `real` ones. Not inlined, so that the three
  /// pointers stay in registers: a step is then seven instructions instead of eight.
  [[gnu::noinline]] static float add_group(const Split* splits,
                                           const float* leaves,
                                           std::size_t real,
                                           const std::uint32_t* keys,
                                           float sum) {
    std::array<std::size_t, kAbreast> at;
    at.fill(1);
    for (std::size_t level = 0; level < depth; ++level) {
      for (std::size_t i = 0; i < kAbreast; ++i) {
        const Split& split = splits[i * kWidth + at[i]];
        at[i] = 2 * at[i] + (keys[split.slot] < split.key ? 1 : 0);
      }
    }
    if (real == kAbreast) {
      for (std::size_t i = 0; i < kAbreast; ++i) sum += leaves[i * kWidth + at[i] - kWidth];
    } else {
      for (std::size_t i = 0; i < real; ++i) sum += leaves[i * kWidth + at[i] - kWidth];
    }
    return sum;
  }

  std::size_t feature_count_;
  float base_margin_;
  std::size_t trees_;
  std::vector<std::uint32_t> inputs_;
  std::vector<Split> splits_;
  std::vector<float> leaves_;
};

template <std::size_t depth>
std::unique_ptr<const Scorer::Engine> make(const Forest& forest,
                                           std::vector<std::uint32_t> inputs) {
  if constexpr (depth > kMostDepth) {
    return nullptr;
  } else {
    if (forest.depth() > depth) return make<depth + 1>(forest, std::move(inputs));
    return std::make_unique<PortableEngine<depth>>(forest, std::move(inputs));
  }
}

}  // namespace

std::unique_ptr<const Scorer::Engine> make_portable_engine(const Forest& forest) {
  std::vector<std::uint32_t> inputs = used_features(forest);
  if (inputs.size() > kMostInputs) return nullptr;
  if (inputs.empty()) inputs.push_back(0);  // Filled-in splits look at slot 0.
  return make<1>(forest, std::move(inputs));
}

}  // namespace weir

#include "core/model/byte_forest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/model/complete_tree.h"

namespace weir {
namespace {

constexpr std::size_t kDepth = 6;
constexpr std::size_t kMostThresholds = 254;  // Bins 1..255 of a byte; 0 is for missing ones.
constexpr std::size_t kGroup = 16;

/// The bit of split k of a complete tree (counted from 1), see ByteForestView.
std::size_t bit_of_split(std::size_t split) {
  if (split < 8) return split - 1;
  std::size_t top = split;  // The split's ancestor on the fourth level, 8..15.
  std::size_t level = 0;
  for (; top >= 16; top /= 2) ++level;
  const std::size_t within = (std::size_t{1} << level) + (split - (top << level));
  return 7 * (top - 8) + 7 + within - 1;
}

class ByteEngine final : public Scorer::Engine {
 public:
  using Kernel = void (*)(const ByteForestView&, const float*, std::size_t, float*);

  ByteEngine(ByteForest forest, Kernel kernel)
      : forest_(std::move(forest)), view_(forest_.view()), kernel_(kernel) {}

  void margins(const float* rows, std::size_t count, float* out) const override {
    kernel_(view_, rows, count, out);
  }

 private:
  ByteForest forest_;
  ByteForestView view_;
  Kernel kernel_;
};

}  // namespace

std::optional<ByteForest> ByteForest::make(const Forest& forest, std::uint8_t node_bias) {
  const std::vector<std::uint32_t> inputs = used_features(forest);
  if (forest.depth() > kDepth || inputs.size() > kByteSlots) return std::nullopt;

  std::vector<std::vector<float>> thresholds(forest.feature_count());
  for (std::size_t t = 0; t < forest.tree_count(); ++t) {
    for (const ForestNode& node : forest.tree(t)) {
      if (!node.is_leaf()) thresholds[node.feature].push_back(node.value);
    }
  }
  ByteForest result;
  result.feature_count_ = forest.feature_count();
  result.tree_count_ = forest.tree_count();
  result.base_margin_ = forest.base_margin();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();  // Not <= anything.
  for (const std::uint32_t feature : inputs) {
    std::vector<float>& values = thresholds[feature];
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    if (values.size() > kMostThresholds) return std::nullopt;
    result.inputs_.push_back({feature, static_cast<std::uint32_t>(result.thresholds_.size())});
    Sixteen heads;
    heads.values.fill(kNan);
    const std::size_t groups = values.size() / kGroup + 1;
    for (std::size_t g = 0; g + 1 < groups; ++g) heads.values[g] = values[g * kGroup + kGroup - 1];
    result.thresholds_.push_back(heads);
    for (std::size_t g = 0; g < groups; ++g) {
      Sixteen group;
      for (std::size_t i = 0; i < kGroup; ++i) {
        const std::size_t at = g * kGroup + i;
        group.values[i] = at < values.size() ? values[at] : kNan;
      }
      result.thresholds_.push_back(group);
    }
  }

  for (std::size_t t = 0; t < forest.tree_count(); ++t) {
    const CompleteTree tree = complete(forest.tree(t), kDepth, /*right_first=*/false);
    Line slots;
    Line bins;
    Line lowered;
    Line lowered_bins;
    slots.bytes.fill(node_bias);
    bins.bytes.fill(255 ^ kByteFlip);  // Never above: filled-in splits lead left.
    lowered.bytes.fill(0);
    lowered_bins = bins;
    for (std::size_t k = 1; k < tree.splits.size(); ++k) {
      const ForestNode* node = tree.splits[k];
      if (node == nullptr) continue;
      const std::size_t bit = bit_of_split(k);
      const auto input = std::lower_bound(inputs.begin(), inputs.end(), node->feature);
      slots.bytes[bit] = static_cast<std::uint8_t>(node_bias + (input - inputs.begin()));
      const std::vector<float>& values = thresholds[node->feature];
      const auto below =
          std::lower_bound(values.begin(), values.end(), node->value) - values.begin();
      // Right when value >= threshold: when more than `below` thresholds are not above the value.
      const auto bin = static_cast<unsigned>(below + 1);
      const unsigned lower = node->missing_left ? 0 : 1;
      bins.bytes[bit] = static_cast<std::uint8_t>(bin ^ kByteFlip);
      lowered.bytes[bit] = static_cast<std::uint8_t>(lower);
      lowered_bins.bytes[bit] = static_cast<std::uint8_t>((bin - lower) ^ kByteFlip);
    }
    result.splits_.insert(result.splits_.end(), {slots, bins});
    result.missing_.insert(result.missing_.end(), {lowered, lowered_bins});
    Leaves leaves;
    std::copy(tree.leaves.begin(), tree.leaves.end(), leaves.values.begin());
    result.leaves_.push_back(leaves);
  }
  return result;
}

ByteForestView ByteForest::view() const {
  ByteForestView result;
  result.feature_count = feature_count_;
  result.tree_count = tree_count_;
  result.input_count = inputs_.size();
  result.base_margin = base_margin_;
  result.inputs = inputs_.data();
  if (!thresholds_.empty()) result.thresholds = thresholds_.front().values.data();
  if (tree_count_ > 0) {
    result.splits = splits_.front().bytes.data();
    result.missing = missing_.front().bytes.data();
    result.leaves = leaves_.front().values.data();
  }
  return result;
}

std::unique_ptr<const Scorer::Engine> make_byte_engine(const Forest& forest, ScorerKind kind) {
  ByteEngine::Kernel kernel = nullptr;
  std::uint8_t node_bias = 0;
#if defined(__x86_64__)
  if (kind == ScorerKind::kAvx2) {
    node_bias = 0x70;
    kernel = used_features(forest).size() > 32 ? byte_margins_avx2_64 : byte_margins_avx2_32;
  }
  if (kind == ScorerKind::kVbmi) kernel = byte_margins_vbmi;
#endif
  if (kind == ScorerKind::kEmulated) kernel = byte_margins_emulated;
  if (kernel == nullptr) return nullptr;
  std::optional<ByteForest> layout = ByteForest::make(forest, node_bias);
  if (!layout) return nullptr;
  return std::make_unique<ByteEngine>(*std::move(layout), kernel);
}

}  // namespace weir

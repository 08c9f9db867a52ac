#include "core/model/portable_engine.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
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

/// An integer that orders as the float does (-0 as +0). Of finite floats between 1 and 2^32 - 2.
std::uint32_t order_key(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value + 0.0F);
  return (bits >> 31U) != 0 ? ~bits : bits | 0x80000000U;
}
constexpr std::uint32_t kBelowAll = 0;
constexpr std::uint32_t kAboveAll = ~0U;

/// Key of the threshold above the slot of the input among the row's keys: one load brings both.
/// The default, of filled-in splits, lies above no input.
using Split = unsigned long long;
Split make_split(std::uint32_t key, std::uint32_t slot) { return (Split{key} << 32U) | slot; }
/// Key of an input, to be compared with whole splits: of equal keys it is the greater, whatever the
/// slot.
using InputKey = unsigned long long;
InputKey make_input_key(std::uint32_t key) { return (InputKey{key} << 32U) | 0xFFFFFFFFU; }

/// The child of split `at`: the bit that is shifted in says that the input is below the threshold.
inline Split child(Split at, InputKey input, Split split) {
#if defined(__x86_64__)
  // Every x86-64 has these; written as a comparison, the compiler takes three more instructions.
  Split unused;
  _addcarry_u64(_subborrow_u64(0, input, split, &unused), at, at, &at);
  return at;
#else
  return 2 * at + (input < split ? 1 : 0);
#endif
}

/// Of the two splits that follow split `at`.
inline Split next_split(Split at, InputKey input, Split split) {
#if defined(__x86_64__)
  Split unused;
  _addcarry_u64(_subborrow_u64(0, input, split, &unused), at, 1, &at);
  return at;
#else
  return at + 1 + (input < split ? 1 : 0);
#endif
}

/// The splits and leaves of a tree, placed so that a walk touches few cache lines (three at depth
/// 6):
///   the levels above the last three, as in CompleteTree;
///   then, for each place where those end, its split and the two below, in half a line;
///   then, in a line, four records of a last split and its two leaves; and a line that nobody
///   reads, so that the next place is found by doubling.
template <std::size_t depth>
struct Layout {
  static_assert(depth >= 4);
  static constexpr std::size_t kLine = 8;  // Words.
  static constexpr std::size_t kTopLevels = depth - 3;
  static constexpr std::size_t kPlaces = std::size_t{1} << kTopLevels;
  static constexpr std::size_t kMiddle = std::max(kLine, kPlaces);
  static constexpr std::size_t kLast = kMiddle + 4 * kPlaces;
  static constexpr std::size_t kWords = kLast + 16 * kPlaces;
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
    lines_.resize(places * L::kWords / L::kLine);
    for (std::size_t t = 0; t < trees_; ++t) place(complete(forest.tree(t), depth, true), t);
  }

  void margins(const float* rows, std::size_t count, float* out) const override {
    std::array<InputKey, kRowsABlock * 2 * kMostInputs> keys;
    const std::size_t stride = 2 * inputs_.size();
    for (std::size_t first = 0; first < count; first += kRowsABlock) {
      const std::size_t block = std::min(kRowsABlock, count - first);
      for (std::size_t r = 0; r < block; ++r) {
        fill_keys(rows + (first + r) * feature_count_, keys.data() + r * stride);
        out[first + r] = base_margin_;
      }
      for (std::size_t t = 0; t < trees_; t += kAbreast) {
        for (std::size_t r = 0; r < block; ++r) {
          out[first + r] = add_group(tree(t), std::min(kAbreast, trees_ - t),
                                     keys.data() + r * stride, out[first + r]);
        }
      }
    }
  }

 private:
  using L = Layout<depth>;
  struct alignas(64) Line {
    std::array<Split, L::kLine> words{};
  };

  const Split* tree(std::size_t t) const { return lines_[t * L::kWords / L::kLine].words.data(); }

  void place(const CompleteTree& tree, std::size_t t) {
    Split* words = lines_[t * L::kWords / L::kLine].words.data();
    const auto split_of = [&](std::size_t k) -> Split {
      const ForestNode* node = tree.splits[k];
      if (node == nullptr) return 0;
      const auto input = std::lower_bound(inputs_.begin(), inputs_.end(), node->feature);
      return make_split(
          order_key(node->value),
          2 * static_cast<std::uint32_t>(input - inputs_.begin()) + (node->missing_left ? 0U : 1U));
    };
    for (std::size_t k = 1; k < L::kPlaces; ++k) words[k] = split_of(k);
    for (std::size_t i = 0; i < L::kPlaces; ++i) {
      const std::size_t k = L::kPlaces + i;
      Split* middle = words + L::kMiddle + 4 * i;
      middle[0] = split_of(k);
      middle[1] = split_of(2 * k);
      middle[2] = split_of(2 * k + 1);
      for (std::size_t j = 0; j < 4; ++j) {
        Split* last = words + L::kLast + 16 * i + 2 * j;
        last[0] = split_of(4 * k + j);
        std::memcpy(last + 1, tree.leaves.data() + 8 * i + 2 * j, 2 * sizeof(float));
      }
    }
  }

  /// Each input twice: a missing one goes left at even slots and right at odd ones.
  void fill_keys(const float* row, InputKey* keys) const {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const float value = row[inputs_[i]];
      const bool missing = value != value;
      const std::uint32_t key = order_key(value);
      keys[2 * i] = make_input_key(missing ? kBelowAll : key);
      keys[2 * i + 1] = make_input_key(missing ? kAboveAll : key);
    }
  }

  /// Walks kAbreast trees, adds the leaves of the first `real` ones. Not inlined, so that the
  /// pointers stay in registers.
  [[gnu::noinline]] static float add_group(const Split* words,
                                           std::size_t real,
                                           const InputKey* keys,
                                           float sum) {
    std::array<Split, kAbreast> at;
    at.fill(1);
    // One level of all trees: `at` of tree i becomes step(at, input key, split).
    const auto level = [&](std::size_t offset, auto step) {
      for (std::size_t i = 0; i < kAbreast; ++i) {
        const Split split = words[i * L::kWords + offset + at[i]];
        at[i] = step(at[i], keys[static_cast<std::uint32_t>(split)], split);
      }
    };
    // Offsets are of unsigned words and may wrap: what is added to them makes up for it.
    for (std::size_t i = 0; i < L::kTopLevels; ++i) level(0, child);
    for (Split& place : at) place *= 4;
    level(L::kMiddle - 4 * L::kPlaces, next_split);
    level(L::kMiddle - 4 * L::kPlaces, child);
    // Now 8 place + 2 + (0 to 3); records are two words.
    for (Split& place : at) place *= 2;
    level(L::kLast - 16 * L::kPlaces - 4, child);
    const auto leaf = [&](std::size_t i) {
      constexpr std::size_t kHalfWords = 2 * (L::kLast - 16 * L::kPlaces - 4 + 1);
      float value;
      std::memcpy(&value,
                  reinterpret_cast<const char*>(words) +
                      sizeof(float) * (2 * i * L::kWords + kHalfWords + at[i]),
                  sizeof(float));
      return value;
    };
    if (real == kAbreast) {
      for (std::size_t i = 0; i < kAbreast; ++i) sum += leaf(i);
    } else {
      for (std::size_t i = 0; i < real; ++i) sum += leaf(i);
    }
    return sum;
  }

  std::size_t feature_count_;
  float base_margin_;
  std::size_t trees_;
  std::vector<std::uint32_t> inputs_;
  std::vector<Line> lines_;
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
  return make<4>(forest, std::move(inputs));
}

}  // namespace weir

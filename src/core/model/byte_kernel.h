#pragma once

// One kernel for all lanes. This file and its includes stay free of inline functions of the
// standard library: it is compiled with different instruction sets, and the linker keeps only one
// copy of those.
#include <cstddef>
#include <cstdint>

namespace weir {

/// How one input becomes a bin: 0 when missing, else 1 + the number of its thresholds that are not
/// above the value. Its thresholds, ascending and filled up with NaN, stand in groups of 16;
/// `heads` holds the last one of each group, so two comparisons of 16 find the number.
struct ByteInput {
  std::uint32_t feature = 0;  // Index in the row.
  std::uint32_t heads = 0;    // Group number of the heads; the groups themselves follow it.
};

/// Trees of depth 6 as lines of 64 bytes and 64 leaves.
///
/// Byte b of a line belongs to the split whose outcome becomes bit b of a 64-bit mask. Bits 0..6
/// are the top three levels (root, its children, …), bits 7 + 7j .. 13 + 7j the three levels below
/// the j-th of the 8 places reached by them. A split sends a row right when bin > split's bin; bins
/// are stored with the top bit flipped, so that a signed comparison does. Bin 0, a missing input,
/// goes left by itself. Rows that miss an input take the second pair of lines: where a missing
/// input goes right, both bins are lower by 1, and 0 wraps to 255.
struct ByteForestView {
  std::size_t feature_count = 0;
  std::size_t tree_count = 0;
  std::size_t input_count = 0;
  float base_margin = 0;
  const ByteInput* inputs = nullptr;
  const float* thresholds = nullptr;      // 16 a group.
  const std::uint8_t* splits = nullptr;   // 128 a tree: 64 slots, 64 bins.
  const std::uint8_t* missing = nullptr;  // 128 a tree: 64 times 0 or 1 to take off, 64 bins.
  const float* leaves = nullptr;          // 64 a tree.
};

inline constexpr std::uint8_t kByteFlip = 0x80;
inline constexpr std::size_t kByteSlots = 64;  ///< Inputs a table of bins has room for.

/// Three levels of a walk at once, by the outcomes of 7 splits (bit 0 the root, bits 1 and 2 its
/// children, …): the place 0..7 where they lead, and what the kernel makes of it.
struct ThreeLevels {
  std::uint8_t place[128];  // NOLINT: std::array is off limits here, see above.
  std::uint8_t shift[128];  // NOLINT: 7 * place + 7, where the next three levels start in a mask.
  std::uint8_t leaf[128];   // NOLINT: 8 * place, their first leaf.
  constexpr ThreeLevels() : place(), shift(), leaf() {
    for (unsigned outcomes = 0; outcomes < 128; ++outcomes) {
      unsigned at = 1;
      for (int level = 0; level < 3; ++level) at = 2 * at + ((outcomes >> (at - 1)) & 1U);
      place[outcomes] = static_cast<std::uint8_t>(at - 8);
      shift[outcomes] = static_cast<std::uint8_t>(7 * (at - 8) + 7);
      leaf[outcomes] = static_cast<std::uint8_t>(8 * (at - 8));
    }
  }
};
inline constexpr ThreeLevels kThreeLevels;

/// `Lanes` brings the instructions:
///   Table, table(const uint8*)       64 bins
///   Bytes, load(const uint8*)        64 bytes, 64-byte aligned
///   look_up(Table, Bytes slots)      the bins at these slots
///   subtract(Bytes, Bytes)           wrapping
///   above(Bytes, Bytes)              signed comparison → bit b of lane b
///   not_above(const float*, float)   how many of 16 values, 64-byte aligned, are <= the float
template <class Lanes>
class ByteKernel {
 public:
  static void margins(const ByteForestView& forest,
                      const float* rows,
                      std::size_t count,
                      float* out) {
    alignas(64) std::uint8_t bins[kRowsABlock * kByteSlots];  // NOLINT
    while (count > 1) {
      const std::size_t block = count < kRowsABlock ? count : kRowsABlock;
      bool missing = false;
      for (std::size_t r = 0; r < block; ++r) {
        missing |= fill_bins(forest, rows + r * forest.feature_count, bins + r * kByteSlots);
      }
      if (missing) {
        add_trees<true>(forest, bins, block, out);
      } else {
        add_trees<false>(forest, bins, block, out);
      }
      rows += block * forest.feature_count;
      out += block;
      count -= block;
    }
    if (count == 1) {
      if (fill_bins(forest, rows, bins)) {
        *out = add_trees<true>(forest, bins);
      } else {
        *out = add_trees<false>(forest, bins);
      }
    }
  }

 private:
  static constexpr std::size_t kRowsABlock = 16;

  static bool fill_bins(const ByteForestView& forest, const float* row, std::uint8_t* bins) {
    bool any_missing = false;
    for (std::size_t i = 0; i < forest.input_count; ++i) {
      const ByteInput input = forest.inputs[i];
      const float value = row[input.feature];
      const float* heads = forest.thresholds + std::size_t{16} * input.heads;
      const unsigned groups = Lanes::not_above(heads, value);  // Those that lie below altogether.
      const unsigned below =
          16 * groups + Lanes::not_above(heads + std::size_t{16} * (groups + 1), value);
      const bool missing = value != value;
      any_missing |= missing;
      bins[i] = static_cast<std::uint8_t>((missing ? 0U : below + 1) ^ kByteFlip);
    }
    return any_missing;
  }

  /// Where one tree's arrays start.
  struct Tree {
    const std::uint8_t* splits;
    const std::uint8_t* missing;
    const float* leaves;

    explicit Tree(const ByteForestView& forest)
        : splits(forest.splits), missing(forest.missing), leaves(forest.leaves) {}
    void advance() {
      splits += 128;
      missing += 128;
      leaves += 64;
    }

    template <bool may_miss>
    float leaf(const typename Lanes::Table& table) const {
      typename Lanes::Bytes bins = Lanes::look_up(table, Lanes::load(splits));
      if constexpr (may_miss) bins = Lanes::subtract(bins, Lanes::load(missing));
      const std::uint64_t right =
          Lanes::above(bins, Lanes::load((may_miss ? missing : splits) + 64));
      const std::size_t top = right & 127U;
      const std::size_t rest = (right >> kThreeLevels.shift[top]) & 127U;
      return leaves[kThreeLevels.leaf[top] + std::size_t{kThreeLevels.place[rest]}];
    }
  };

  template <bool may_miss>
  static float add_trees(const ByteForestView& forest, const std::uint8_t* bins) {
    const typename Lanes::Table table = Lanes::table(bins);
    float sum = forest.base_margin;
    Tree tree(forest);
#pragma GCC unroll 4
    for (std::size_t t = 0; t < forest.tree_count; ++t, tree.advance()) {
      sum += tree.template leaf<may_miss>(table);
    }
    return sum;
  }

  template <bool may_miss>
  static void add_trees(const ByteForestView& forest,
                        const std::uint8_t* bins,
                        std::size_t rows,
                        float* out) {
    for (std::size_t r = 0; r < rows; ++r) out[r] = forest.base_margin;
    Tree tree(forest);
    for (std::size_t t = 0; t < forest.tree_count; ++t, tree.advance()) {
#pragma GCC unroll 4
      for (std::size_t r = 0; r < rows; ++r) {
        out[r] += tree.template leaf<may_miss>(Lanes::table(bins + r * kByteSlots));
      }
    }
  }
};

/// The kernel with the instructions of each kind; the first two only in builds for x86-64.
void byte_margins_avx2_32(const ByteForestView&, const float* rows, std::size_t count, float* out);
void byte_margins_avx2_64(const ByteForestView&, const float* rows, std::size_t count, float* out);
void byte_margins_vbmi(const ByteForestView&, const float* rows, std::size_t count, float* out);
void byte_margins_emulated(const ByteForestView&, const float* rows, std::size_t count, float* out);

}  // namespace weir

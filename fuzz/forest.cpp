// A model file, JSON or UBJ: reading gives an Error or a forest on which all scorers agree to the
// bit.
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "core/model/contributions.h"
#include "core/model/forest.h"
#include "core/model/scorer.h"
#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace {

/// Thresholds of the forest, zeros and missing ones.
std::vector<float> some_row(const weir::Forest& forest, std::uint64_t seed) {
  std::vector<float> row(forest.feature_count(), 0.0F);
  for (std::size_t f = 0; f < row.size(); ++f) {
    const std::uint64_t chance = weir::hash64(seed, f);
    if (chance % 5 == 0) row[f] = std::numeric_limits<float>::quiet_NaN();
    if (chance % 5 > 1 && forest.tree_count() > 0) {
      const auto tree = forest.tree(chance / 5 % forest.tree_count());
      row[f] = tree[chance / 7 % tree.size()].value;
    }
  }
  return row;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const weir::Forest forest =
        weir::Forest::parse({reinterpret_cast<const char*>(data), size}, "fuzz");
    if (forest.feature_count() > 4096) return 0;  // Rows would take all the time.
    const weir::Scorer naive(forest, weir::ScorerKind::kNaive);
    for (const weir::ScorerKind kind :
         {weir::ScorerKind::kPortable, weir::ScorerKind::kEmulated, weir::ScorerKind::kAuto}) {
      const weir::Scorer scorer(forest, kind);
      for (std::uint64_t seed = 0; seed < 8; ++seed) {
        const std::vector<float> row = some_row(forest, seed);
        WEIR_CHECK(std::bit_cast<std::uint32_t>(scorer.margin(row.data())) ==
                   std::bit_cast<std::uint32_t>(naive.margin(row.data())));
      }
    }
    if (forest.depth() <= 16) {
      std::vector<double> parts(forest.feature_count() + 1);
      weir::TreeShap(forest).contributions(some_row(forest, 1), parts);
    }
  } catch (const weir::Error&) {
  }
  return 0;
}

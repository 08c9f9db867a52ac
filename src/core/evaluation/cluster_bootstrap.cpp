#include "core/evaluation/cluster_bootstrap.h"

#include <cmath>
#include <limits>

#include "core/evaluation/bootstrap.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

constexpr std::size_t kDraws = 1 << 16;

std::vector<std::uint8_t> make_poisson_table() {
  std::vector<std::uint8_t> table(kDraws);
  for (std::size_t i = 0; i < kDraws; ++i) {
    table[i] = poisson_of_one((static_cast<double>(i) + 0.5) / static_cast<double>(kDraws));
  }
  return table;
}

}  // namespace

std::array<std::uint8_t, 4> poisson_block(std::uint64_t key, std::uint64_t block) {
  static const std::vector<std::uint8_t> kTable = make_poisson_table();
  const std::uint64_t bits = mix64(key ^ mix64(block));
  return {kTable[bits & 0xFFFF], kTable[bits >> 16 & 0xFFFF], kTable[bits >> 32 & 0xFFFF],
          kTable[bits >> 48]};
}

BootstrapSums bootstrap_cluster_sums(std::span<const ClusterValues> clusters,
                                     std::uint64_t seed,
                                     std::size_t samples) {
  const std::size_t blocks = (samples + 3) / 4;
  BootstrapSums sums;
  for (auto& measure : sums) measure.assign(4 * blocks, 0);
  std::vector<double> excess(4 * blocks);
  for (const ClusterValues& cluster : clusters) {
    const std::uint64_t key = hash64(seed, static_cast<std::uint64_t>(cluster.id));
    for (std::size_t block = 0; block < blocks; ++block) {
      const auto counts = poisson_block(key, block);
      for (std::size_t i = 0; i < 4; ++i) excess[4 * block + i] = counts[i] - 1.0;
    }
    for (std::size_t measure = 0; measure < kClusterMeasures; ++measure) {
      const double value = cluster.values[measure];
      if (value == 0) continue;
      double* sum = sums[measure].data();
      for (std::size_t sample = 0; sample < excess.size(); ++sample) {
        sum[sample] += excess[sample] * value;
      }
    }
  }
  return sums;
}

double student_quantile_95(std::size_t degrees_of_freedom) {
  if (degrees_of_freedom == 0) return std::numeric_limits<double>::infinity();
  if (degrees_of_freedom == 1) return 6.313751514675043;
  if (degrees_of_freedom == 2) return 2.919985580353726;
  const double z = kNormalQuantile95;
  const auto n = static_cast<double>(degrees_of_freedom);
  const double g1 = (std::pow(z, 3) + z) / 4;
  const double g2 = (5 * std::pow(z, 5) + 16 * std::pow(z, 3) + 3 * z) / 96;
  const double g3 = (3 * std::pow(z, 7) + 19 * std::pow(z, 5) + 17 * std::pow(z, 3) - 15 * z) / 384;
  const double g4 = (79 * std::pow(z, 9) + 776 * std::pow(z, 7) + 1482 * std::pow(z, 5) -
                     1920 * std::pow(z, 3) - 945 * z) /
                    92160;
  return z + g1 / n + g2 / (n * n) + g3 / (n * n * n) + g4 / (n * n * n * n);
}

}  // namespace weir

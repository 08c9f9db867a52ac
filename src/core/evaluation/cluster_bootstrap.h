#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir {

/// How many measures are drawn together, so that a cluster has one weight in all of them.
inline constexpr std::size_t kClusterMeasures = 4;

/// Sums over the payments of one cluster: a customer, a terminal or a day.
struct ClusterValues {
  std::int64_t id = 0;  ///< Chance comes from it, so the draw does not depend on the order.
  std::array<double, kClusterMeasures> values = {};
};

/// [measure][sample].
using BootstrapSums = std::array<std::vector<double>, kClusterMeasures>;

/// Poisson(1) counts for samples 4·`block` .. 4·`block` + 3 of the cluster that `key` stands for:
/// four draws from one hash, each exact to 2^-16.
std::array<std::uint8_t, 4> poisson_block(std::uint64_t key, std::uint64_t block);

/// Poisson bootstrap of sums over clusters: sample b of a measure is Σ (w - 1) · value, where w is
/// Poisson(1) by a hash of (seed, cluster, b).
///
/// The values are centred (they sum to about 0), so the samples spread around 0 as the estimate
/// spreads around the truth. Gives `samples` rounded up to a multiple of 4; O(clusters · samples),
/// a few seconds for a million clusters and a thousand samples.
BootstrapSums bootstrap_cluster_sums(std::span<const ClusterValues> clusters,
                                     std::uint64_t seed,
                                     std::size_t samples);

/// z of the standard normal distribution with 95 % below it.
inline constexpr double kNormalQuantile95 = 1.6448536269514722;

/// The 95 % quantile of Student's t, to three digits (Cornish-Fisher, Abramowitz and Stegun 26.7.5;
/// exact for one and two degrees of freedom). Infinite for none.
double student_quantile_95(std::size_t degrees_of_freedom);

}  // namespace weir

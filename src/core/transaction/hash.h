#pragma once

#include <cstdint>

namespace weir {

/// A bijective mix of 64 bits (SplitMix64's finaliser, Steele, Lea, Flood 2014): equal on every
/// machine.
constexpr std::uint64_t mix64(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15ULL;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31);
}

/// Chance without a generator: the same arguments give the same bits, whatever the order of calls.
constexpr std::uint64_t hash64(std::uint64_t seed, std::uint64_t first, std::uint64_t second = 0) {
  return mix64(mix64(mix64(seed) ^ first) ^ second);
}

/// The upper 53 bits as a number in [0, 1).
constexpr double unit_interval(std::uint64_t bits) {
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

}  // namespace weir

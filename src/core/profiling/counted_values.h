#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace weir {

/// How often each whole number of 0 or more was seen: an array for the small ones, a table for the
/// others, so that a stray number does not cost gigabytes.
class CountedValues {
 public:
  explicit CountedValues(std::int64_t dense_limit)
      : dense_(static_cast<std::size_t>(dense_limit), 0) {}

  void add(std::int64_t value, std::int64_t times = 1) {
    if (static_cast<std::uint64_t>(value) < dense_.size()) {
      dense_[static_cast<std::size_t>(value)] += times;
    } else {
      sparse_[value] += times;
    }
  }

  struct Entry {
    std::int64_t value = 0;
    std::int64_t times = 0;
  };
  /// What was seen, by value.
  std::vector<Entry> entries() const;

 private:
  std::vector<std::int64_t> dense_;
  std::unordered_map<std::int64_t, std::int64_t> sparse_;
};

/// The smallest value with at least `share` (0 to 1) of all counts at or below it. `entries` are by
/// value and not empty.
std::int64_t quantile(std::span<const CountedValues::Entry> entries, double share);

}  // namespace weir

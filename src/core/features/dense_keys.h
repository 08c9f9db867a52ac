#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/features/huge_array.h"

namespace weir {

/// Keys of rows as 0, 1, 2, … in the order of their first row, and how many rows each has.
struct DenseKeys {
  HugeArray<std::uint32_t> of_row;
  std::vector<std::uint32_t> counts;
};

/// Numbers the distinct values of `first` (or of the pairs of `first` and `second`, when that is
/// not empty): by a table when the ids lie close together, else by hashing.
DenseKeys number_keys(std::span<const std::int64_t> first, std::span<const std::int64_t> second);

}  // namespace weir

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/features/huge_array.h"

namespace weir {

/// Keys of rows as small numbers, and how many rows each number has.
struct DenseKeys {
  std::span<const std::int64_t> ids;  ///< When the numbers are ids - base: no column of their own.
  std::int64_t base = 0;
  HugeArray<std::uint32_t> of_row;  ///< Else the number of each row.
  std::vector<std::uint32_t> counts;

  std::uint32_t of(std::size_t row) const {
    return ids.empty() ? of_row[row] : static_cast<std::uint32_t>(ids[row] - base);
  }
};

/// Numbers the distinct values of `first` (or of the pairs of `first` and `second`, when that is
/// not empty). Ids that lie close together, as they do in practice, are their own numbers, some of
/// them without a row; others are numbered by hashing.
DenseKeys number_keys(std::span<const std::int64_t> first, std::span<const std::int64_t> second);

}  // namespace weir

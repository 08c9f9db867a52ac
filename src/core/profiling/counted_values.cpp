#include "core/profiling/counted_values.h"

#include <algorithm>
#include <cmath>

#include "core/transaction/error.h"

namespace weir {

std::vector<CountedValues::Entry> CountedValues::entries() const {
  std::vector<Entry> entries;
  for (std::size_t value = 0; value < dense_.size(); ++value) {
    if (dense_[value] != 0) entries.push_back({static_cast<std::int64_t>(value), dense_[value]});
  }
  for (const auto& [value, times] : sparse_) entries.push_back({value, times});
  std::sort(entries.begin(), entries.end(),
            [](const Entry& left, const Entry& right) { return left.value < right.value; });
  return entries;
}

std::int64_t quantile(std::span<const CountedValues::Entry> entries, double share) {
  WEIR_CHECK(!entries.empty());
  std::int64_t total = 0;
  for (const auto& entry : entries) total += entry.times;
  const auto wanted = static_cast<std::int64_t>(std::ceil(share * static_cast<double>(total)));
  std::int64_t seen = 0;
  for (const auto& entry : entries) {
    seen += entry.times;
    if (seen >= wanted) return entry.value;
  }
  return entries.back().value;
}

}  // namespace weir

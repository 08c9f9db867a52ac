#include "core/features/dense_keys.h"

#include <algorithm>

#include "core/transaction/hash.h"

namespace weir {
namespace {

/// Open addressing over keys of one or two ids.
class HashNumbering {
 public:
  std::uint32_t number(std::int64_t first, std::int64_t second) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    std::size_t i = place(first, second);
    for (; slots_[i].number != 0; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].first == first && slots_[i].second == second) return slots_[i].number - 1;
    }
    slots_[i] = {first, second, ++size_};
    return size_ - 1;
  }

 private:
  struct Slot {
    std::int64_t first = 0;
    std::int64_t second = 0;
    std::uint32_t number = 0;  // From 1; 0 is free.
  };

  std::size_t place(std::int64_t first, std::int64_t second) const {
    return hash64(0, static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(second)) &
           (slots_.size() - 1);
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? 1024 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.number == 0) continue;
      std::size_t i = place(slot.first, slot.second);
      while (slots_[i].number != 0) i = (i + 1) & (slots_.size() - 1);
      slots_[i] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::uint32_t size_ = 0;
};

}  // namespace

DenseKeys number_keys(std::span<const std::int64_t> first, std::span<const std::int64_t> second) {
  const std::size_t rows = first.size();
  DenseKeys keys;
  if (rows == 0) return keys;
  const auto [smallest, largest] = std::minmax_element(first.begin(), first.end());
  const std::uint64_t range =
      static_cast<std::uint64_t>(*largest) - static_cast<std::uint64_t>(*smallest);
  if (second.empty() && range < rows / 4 + 1024) {
    keys.ids = first;
    keys.base = *smallest;
    keys.counts.resize(range + 1);
    for (const std::int64_t id : first)
      keys.counts[static_cast<std::uint64_t>(id - keys.base)] += 1;
    return keys;
  }
  keys.of_row = HugeArray<std::uint32_t>(rows, false);
  HashNumbering numbering;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::uint32_t key = numbering.number(first[row], second.empty() ? 0 : second[row]);
    if (key == keys.counts.size()) keys.counts.push_back(0);
    keys.counts[key] += 1;
    keys.of_row[row] = key;
  }
  return keys;
}

}  // namespace weir

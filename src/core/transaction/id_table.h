#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/transaction/hash.h"

namespace weir {

/// Values by id: open addressing with linear probing, at most half full. A value moves when the
/// table grows; nothing is ever erased.
template <typename Value>
class IdTable {
 public:
  /// Null for an unknown id.
  const Value* find(std::int64_t id) const {
    if (slots_.empty()) return nullptr;
    for (std::size_t i = slot_of(id);; i = (i + 1) & (slots_.size() - 1)) {
      if (!slots_[i].used) return nullptr;
      if (slots_[i].id == id) return &slots_[i].value;
    }
  }

  /// Valid until the next call for an id that is new.
  Value& operator[](std::int64_t id) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    std::size_t i = slot_of(id);
    for (; slots_[i].used; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].id == id) return slots_[i].value;
    }
    slots_[i].used = true;
    slots_[i].id = id;
    ++size_;
    return slots_[i].value;
  }

  std::size_t size() const { return size_; }

  void prefetch(std::int64_t id) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[slot_of(id)]);
  }

  std::vector<std::int64_t> sorted_ids() const {
    std::vector<std::int64_t> ids;
    ids.reserve(size_);
    for (const Slot& slot : slots_) {
      if (slot.used) ids.push_back(slot.id);
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  std::size_t memory_bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::int64_t id = 0;
    bool used = false;
    Value value{};
  };

  std::size_t slot_of(std::int64_t id) const {
    return mix64(static_cast<std::uint64_t>(id)) & (slots_.size() - 1);
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 64 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (!slot.used) continue;
      std::size_t i = slot_of(slot.id);
      while (slots_[i].used) i = (i + 1) & (slots_.size() - 1);
      slots_[i] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace weir

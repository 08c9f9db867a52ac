#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/features/key_history.h"
#include "core/transaction/hash.h"

namespace weir {

/// A customer or terminal id with 0, or a (customer, terminal) pair.
struct HistoryKey {
  std::int64_t first = 0;
  std::int64_t second = 0;

  friend auto operator<=>(const HistoryKey&, const HistoryKey&) = default;
};

/// Histories by key: open addressing with linear probing; histories stay where they are while the
/// table of slots grows.
class KeyTable {
 public:
  /// Null for an unknown key.
  KeyHistory* find(const HistoryKey& key) const {
    if (slots_.empty()) return nullptr;
    for (std::size_t i = slot_of(key);; i = (i + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[i];
      if (slot.place == 0) return nullptr;
      if (slot.key == key) return &history(slot.place - 1);
    }
  }

  KeyHistory& operator[](const HistoryKey& key) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    std::size_t i = slot_of(key);
    for (; slots_[i].place != 0; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].key == key) return history(slots_[i].place - 1);
    }
    if (size_ == chunks_.size() * kChunk) chunks_.push_back(std::make_unique<KeyHistory[]>(kChunk));
    slots_[i] = {key, static_cast<std::uint32_t>(++size_)};
    return history(size_ - 1);
  }

  std::size_t size() const { return size_; }

  /// For so many keys in all.
  void reserve(std::size_t keys) {
    std::size_t slots = std::max<std::size_t>(slots_.size(), 64);
    while (keys * 2 > slots) slots *= 2;
    if (slots > slots_.size()) resize(slots);
  }

  void prefetch_slot(const HistoryKey& key) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[slot_of(key)]);
  }

  /// Frees one key; rare.
  void erase(const HistoryKey& key) {
    if (find(key) == nullptr) return;
    erase_unless([&](const HistoryKey& other, const KeyHistory&) { return other != key; });
  }

  /// Keeps the keys that `keep(key, history)` wants.
  template <typename Keep>
  void erase_unless(const Keep& keep) {
    KeyTable kept;
    for (Slot& slot : slots_) {
      if (slot.place == 0) continue;
      KeyHistory& one = history(slot.place - 1);
      if (keep(slot.key, one)) kept[slot.key] = std::move(one);
    }
    *this = std::move(kept);
  }

  std::vector<HistoryKey> sorted_keys() const {
    std::vector<HistoryKey> keys;
    keys.reserve(size_);
    for (const Slot& slot : slots_) {
      if (slot.place != 0) keys.push_back(slot.key);
    }
    std::sort(keys.begin(), keys.end());
    return keys;
  }

  std::size_t memory_bytes() const {
    std::size_t bytes =
        slots_.capacity() * sizeof(Slot) + chunks_.size() * kChunk * sizeof(KeyHistory);
    for (std::size_t i = 0; i < size_; ++i) bytes += history(i).memory_bytes();
    return bytes;
  }

 private:
  static constexpr std::size_t kChunk = 256;
  struct Slot {
    HistoryKey key;
    std::uint32_t place = 0;  // Of the history, from 1; 0 is free.
  };

  std::size_t slot_of(const HistoryKey& key) const {
    return hash64(0, static_cast<std::uint64_t>(key.first),
                  static_cast<std::uint64_t>(key.second)) &
           (slots_.size() - 1);
  }
  KeyHistory& history(std::size_t place) const { return chunks_[place / kChunk][place % kChunk]; }

  void grow() { resize(slots_.empty() ? 64 : slots_.size() * 2); }

  void resize(std::size_t slots) {
    std::vector<Slot> old(slots);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.place == 0) continue;
      std::size_t i = slot_of(slot.key);
      while (slots_[i].place != 0) i = (i + 1) & (slots_.size() - 1);
      slots_[i] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::vector<std::unique_ptr<KeyHistory[]>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace weir

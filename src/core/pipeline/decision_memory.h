#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "core/decision/decision.h"
#include "core/transaction/payment.h"

namespace weir {

/// The decisions of the last while by transaction id, so that a payment sent again gets the answer
/// it got before.
///
/// Remembers decisions until `forget` passes them; find and insert cost O(1), also while the index
/// grows: each insert moves a few slots. 120 bytes a decision plus an index of 8 to 24 bytes.
class DecisionMemory {
 public:
  struct Entry {
    Decision decision;
    std::uint64_t payment_hash = 0;  ///< Of all fields: tells a repetition from a changed payment.
    Seconds logged_at = 0;
  };

  DecisionMemory();

  /// The remembered entry, or nullptr. Valid until the next insert or forget.
  const Entry* find(std::int64_t transaction_id) const;

  /// Precondition: `find` gives nullptr.
  void insert(const Entry& entry);

  /// Forgets every decision logged before `oldest`, in log order.
  void forget(Seconds oldest);

  /// Starts loading what `find` and `insert` of this id will need.
  void prefetch(std::int64_t transaction_id) const;

  std::size_t size() const { return entries_.size(); }

  /// Oldest first: what a snapshot stores.
  const std::deque<Entry>& entries() const { return entries_; }

 private:
  /// What a slot holds of its entry: the low bits of its number and of its id's hash, so that most
  /// slots are told apart, and moved, without a look at the entry.
  struct Slot {
    std::uint32_t number = 0;
    std::uint32_t hash = 0;  ///< The lowest bit says that the slot is taken.

    static Slot make(std::uint64_t number, std::uint64_t hash) {
      return {static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(hash) | 1U};
    }
    bool empty() const { return hash == 0; }
    bool may_hold(std::uint64_t other) const {
      return hash == (static_cast<std::uint32_t>(other) | 1U);
    }
  };
  /// Memory that is zero as it comes: a large table costs nothing until its pages are touched.
  template <typename Value>
  struct Zeroed {
    using value_type = Value;
    Value* allocate(std::size_t count) {
      void* memory = std::calloc(count, sizeof(Value));
      if (memory == nullptr) throw std::bad_alloc();
      return static_cast<Value*>(memory);
    }
    void deallocate(Value* values, std::size_t) { std::free(values); }
    void construct(Value*) {}
    void construct(Value* value, const Value& from) { *value = from; }
    bool operator==(const Zeroed&) const { return true; }
  };
  using Slots = std::vector<Slot, Zeroed<Slot>>;  // Linear probing, at most half full.

  /// Where probing starts; of the hash in a slot the same. Up to 2^31 slots.
  static std::size_t home_of(std::uint64_t hash, std::size_t mask) {
    return static_cast<std::uint32_t>(hash) >> 1U & mask;
  }

  std::size_t slot_in(const Slots& slots, std::int64_t transaction_id) const;
  const Entry& entry_of(Slot slot) const {
    return entries_[slot.number - static_cast<std::uint32_t>(first_number_)];
  }
  void grow();
  void move_some();
  static void erase_slot(Slots& slots, std::size_t slot);

  std::deque<Entry> entries_;       // Oldest first.
  std::uint64_t first_number_ = 0;  // Number of entries_.front(); numbers never repeat.
  Slots slots_;
  Slots former_;               // While it is moved into slots_, run of slots by run.
  std::size_t next_ = 0;       // Of former_; an empty one.
  std::size_t unvisited_ = 0;  // Of former_.
};

}  // namespace weir

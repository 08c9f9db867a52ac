#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/decision/decision.h"
#include "core/transaction/payment.h"

namespace weir {

/// The decisions of the last while by transaction id, so that a payment sent again gets the answer
/// it got before.
///
/// Remembers decisions until `forget` passes them; find and insert cost O(1). 120 bytes a decision
/// plus an index of 8 to 16 bytes.
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
  /// Where probing starts; of the hash in a slot the same. Up to 2^31 slots.
  static std::size_t home_of(std::uint64_t hash, std::size_t mask) {
    return static_cast<std::uint32_t>(hash) >> 1U & mask;
  }

  std::size_t slot_of(std::int64_t transaction_id) const;
  const Entry& entry_of(Slot slot) const {
    return entries_[slot.number - static_cast<std::uint32_t>(first_number_)];
  }
  void grow();
  void erase_slot(std::size_t slot);

  std::deque<Entry> entries_;       // Oldest first.
  std::uint64_t first_number_ = 0;  // Number of entries_.front(); numbers never repeat.
  std::vector<Slot> slots_;         // Linear probing.
};

}  // namespace weir

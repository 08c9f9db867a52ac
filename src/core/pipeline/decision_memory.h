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
/// Remembers decisions until `forget` passes them; find and insert cost O(1). 80 bytes a decision
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

  std::size_t size() const { return entries_.size(); }

  /// Oldest first: what a snapshot stores.
  const std::deque<Entry>& entries() const { return entries_; }

 private:
  std::size_t slot_of(std::int64_t transaction_id) const;
  void grow();
  void erase_slot(std::size_t slot);

  std::deque<Entry> entries_;         // Oldest first.
  std::uint64_t first_number_ = 0;    // Number of entries_.front(); numbers never repeat.
  std::vector<std::uint64_t> slots_;  // Entry number + 1, or 0 for empty; linear probing.
};

}  // namespace weir

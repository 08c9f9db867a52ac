#include "core/pipeline/decision_memory.h"

#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {
constexpr std::size_t kFirstCapacity = 1024;  // A power of two.
}

DecisionMemory::DecisionMemory() : slots_(kFirstCapacity, 0) {}

/// The slot that holds the id, or the empty one where it would go.
std::size_t DecisionMemory::slot_of(std::int64_t transaction_id) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = mix64(static_cast<std::uint64_t>(transaction_id)) & mask;
  while (slots_[slot] != 0 &&
         entries_[slots_[slot] - 1 - first_number_].decision.transaction_id != transaction_id) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

const DecisionMemory::Entry* DecisionMemory::find(std::int64_t transaction_id) const {
  const std::uint64_t number = slots_[slot_of(transaction_id)];
  return number == 0 ? nullptr : &entries_[number - 1 - first_number_];
}

void DecisionMemory::insert(const Entry& entry) {
  if ((entries_.size() + 1) * 2 > slots_.size()) grow();
  const std::size_t slot = slot_of(entry.decision.transaction_id);
  WEIR_CHECK(slots_[slot] == 0);
  entries_.push_back(entry);
  slots_[slot] = first_number_ + entries_.size();
}

void DecisionMemory::forget(Seconds oldest) {
  while (!entries_.empty() && entries_.front().logged_at < oldest) {
    erase_slot(slot_of(entries_.front().decision.transaction_id));
    entries_.pop_front();
    ++first_number_;
  }
}

/// Backward-shift deletion: no tombstones, so probing stays short for ever.
void DecisionMemory::erase_slot(std::size_t slot) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = slot;
  for (std::size_t next = (hole + 1) & mask; slots_[next] != 0; next = (next + 1) & mask) {
    const std::int64_t id = entries_[slots_[next] - 1 - first_number_].decision.transaction_id;
    const std::size_t home = mix64(static_cast<std::uint64_t>(id)) & mask;
    // May the entry at `next` move into the hole without passing its home?
    if (((next - home) & mask) >= ((next - hole) & mask)) {
      slots_[hole] = slots_[next];
      hole = next;
    }
  }
  slots_[hole] = 0;
}

void DecisionMemory::grow() {
  slots_.assign(slots_.size() * 2, 0);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    slots_[slot_of(entries_[i].decision.transaction_id)] = first_number_ + i + 1;
  }
}

}  // namespace weir

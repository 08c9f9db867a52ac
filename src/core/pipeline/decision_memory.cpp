#include "core/pipeline/decision_memory.h"

#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {
constexpr std::size_t kFirstCapacity = 1024;  // A power of two.
constexpr std::size_t kMostSlots = std::size_t{1} << 31U;

std::uint64_t hash_of(std::int64_t transaction_id) {
  return mix64(static_cast<std::uint64_t>(transaction_id));
}
}  // namespace

DecisionMemory::DecisionMemory() : slots_(kFirstCapacity) {}

/// The slot that holds the id, or the empty one where it would go.
std::size_t DecisionMemory::slot_of(std::int64_t transaction_id) const {
  const std::size_t mask = slots_.size() - 1;
  const std::uint64_t hash = hash_of(transaction_id);
  std::size_t slot = home_of(hash, mask);
  while (!slots_[slot].empty() &&
         !(slots_[slot].may_hold(hash) &&
           entry_of(slots_[slot]).decision.transaction_id == transaction_id)) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

void DecisionMemory::prefetch(std::int64_t transaction_id) const {
  __builtin_prefetch(&slots_[home_of(hash_of(transaction_id), slots_.size() - 1)]);
}

const DecisionMemory::Entry* DecisionMemory::find(std::int64_t transaction_id) const {
  const Slot slot = slots_[slot_of(transaction_id)];
  return slot.empty() ? nullptr : &entry_of(slot);
}

void DecisionMemory::insert(const Entry& entry) {
  if ((entries_.size() + 1) * 2 > slots_.size()) grow();
  const std::int64_t id = entry.decision.transaction_id;
  const std::size_t slot = slot_of(id);
  WEIR_CHECK(slots_[slot].empty());
  slots_[slot] = Slot::make(first_number_ + entries_.size(), hash_of(id));
  entries_.push_back(entry);
}

void DecisionMemory::forget(Seconds oldest) {
  while (!entries_.empty() && entries_.front().logged_at < oldest) {
    erase_slot(slot_of(entries_.front().decision.transaction_id));
    entries_.pop_front();
    ++first_number_;
    // Of those that go next, the slots lie anywhere: some payments ahead they are on their way.
    constexpr std::size_t kAhead = 4;
    if (entries_.size() > kAhead) prefetch(entries_[kAhead].decision.transaction_id);
  }
}

/// Backward-shift deletion: no tombstones, so probing stays short for ever.
void DecisionMemory::erase_slot(std::size_t slot) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = slot;
  for (std::size_t next = (hole + 1) & mask; !slots_[next].empty(); next = (next + 1) & mask) {
    const std::size_t home = home_of(slots_[next].hash, mask);
    // May the entry at `next` move into the hole without passing its home?
    if (((next - home) & mask) >= ((next - hole) & mask)) {
      slots_[hole] = slots_[next];
      hole = next;
    }
  }
  slots_[hole] = {};
}

void DecisionMemory::grow() {
  WEIR_CHECK(slots_.size() < kMostSlots);
  slots_.assign(slots_.size() * 2, {});
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const std::int64_t id = entries_[i].decision.transaction_id;
    slots_[slot_of(id)] = Slot::make(first_number_ + i, hash_of(id));
  }
}

}  // namespace weir

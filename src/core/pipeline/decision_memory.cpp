#include "core/pipeline/decision_memory.h"

#include <utility>

#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {
constexpr std::size_t kFirstCapacity = 1024;  // A power of two.
constexpr std::size_t kMoved = 8;             // Slots an insert, until an empty one.
constexpr std::size_t kMostSlots = std::size_t{1} << 31U;

std::uint64_t hash_of(std::int64_t transaction_id) {
  return mix64(static_cast<std::uint64_t>(transaction_id));
}
}  // namespace

DecisionMemory::DecisionMemory() : slots_(kFirstCapacity) {}

/// The slot that holds the id, or the empty one where it would go.
std::size_t DecisionMemory::slot_in(const Slots& slots, std::int64_t transaction_id) const {
  const std::size_t mask = slots.size() - 1;
  const std::uint64_t hash = hash_of(transaction_id);
  std::size_t slot = home_of(hash, mask);
  while (!slots[slot].empty() &&
         !(slots[slot].may_hold(hash) &&
           entry_of(slots[slot]).decision.transaction_id == transaction_id)) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

void DecisionMemory::prefetch(std::int64_t transaction_id) const {
  const std::uint64_t hash = hash_of(transaction_id);
  __builtin_prefetch(&slots_[home_of(hash, slots_.size() - 1)]);
  if (!former_.empty()) __builtin_prefetch(&former_[home_of(hash, former_.size() - 1)]);
}

const DecisionMemory::Entry* DecisionMemory::find(std::int64_t transaction_id) const {
  Slot slot = slots_[slot_in(slots_, transaction_id)];
  if (slot.empty() && !former_.empty()) slot = former_[slot_in(former_, transaction_id)];
  return slot.empty() ? nullptr : &entry_of(slot);
}

void DecisionMemory::insert(const Entry& entry) {
  if ((entries_.size() + 1) * 2 > slots_.size()) grow();
  if (!former_.empty()) move_some();
  const std::int64_t id = entry.decision.transaction_id;
  const std::size_t slot = slot_in(slots_, id);
  WEIR_CHECK(slots_[slot].empty());
  slots_[slot] = Slot::make(first_number_ + entries_.size(), hash_of(id));
  entries_.push_back(entry);
}

void DecisionMemory::forget(Seconds oldest) {
  while (!entries_.empty() && entries_.front().logged_at < oldest) {
    const std::int64_t id = entries_.front().decision.transaction_id;
    if (const std::size_t slot = slot_in(slots_, id); !slots_[slot].empty()) {
      erase_slot(slots_, slot);
    } else {
      erase_slot(former_, slot_in(former_, id));
    }
    entries_.pop_front();
    ++first_number_;
    // Of those that go next, the slots lie anywhere: some payments ahead they are on their way.
    constexpr std::size_t kAhead = 4;
    if (entries_.size() > kAhead) prefetch(entries_[kAhead].decision.transaction_id);
  }
}

/// Backward-shift deletion: no tombstones, so probing stays short for ever.
void DecisionMemory::erase_slot(Slots& slots, std::size_t slot) {
  const std::size_t mask = slots.size() - 1;
  std::size_t hole = slot;
  for (std::size_t next = (hole + 1) & mask; !slots[next].empty(); next = (next + 1) & mask) {
    const std::size_t home = home_of(slots[next].hash, mask);
    // May the entry at `next` move into the hole without passing its home?
    if (((next - home) & mask) >= ((next - hole) & mask)) {
      slots[hole] = slots[next];
      hole = next;
    }
  }
  slots[hole] = {};
}

void DecisionMemory::grow() {
  WEIR_CHECK(slots_.size() < kMostSlots);
  // The last move ended long ago: it took an eighth of the inserts that fill a table.
  WEIR_CHECK(former_.empty());
  former_ = std::move(slots_);
  slots_ = Slots(former_.size() * 2);
  unvisited_ = former_.size();
  next_ = 0;
  while (!former_[next_].empty()) ++next_;
}

/// Moves whole runs of slots, so that probing in former_ still finds what is there.
void DecisionMemory::move_some() {
  const std::size_t mask = former_.size() - 1;
  const std::size_t new_mask = slots_.size() - 1;
  for (std::size_t moved = 0; unvisited_ > 0; ++moved, --unvisited_, next_ = (next_ + 1) & mask) {
    Slot& slot = former_[next_];
    if (slot.empty()) {
      if (moved >= kMoved) return;
      continue;
    }
    std::size_t to = home_of(slot.hash, new_mask);
    while (!slots_[to].empty()) to = (to + 1) & new_mask;
    slots_[to] = slot;
    slot = {};
  }
  Slots().swap(former_);
}

}  // namespace weir

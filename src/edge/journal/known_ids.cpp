#include "edge/journal/known_ids.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/transaction/hash.h"

namespace weir::journal {
namespace {

constexpr std::int64_t kFree = std::numeric_limits<std::int64_t>::min();

}  // namespace

KnownIds::Set::Set() : slots(2 * kRemembered, kFree), greatest(kFree) {}

std::size_t KnownIds::Set::home_of(std::int64_t id) const {
  return mix64(static_cast<std::uint64_t>(id)) & (slots.size() - 1);
}

/// Where the id is, or the free place for it.
std::size_t KnownIds::Set::slot_of(std::int64_t id) const {
  const std::size_t last = slots.size() - 1;
  std::size_t slot = home_of(id);
  while (slots[slot] != kFree && slots[slot] != id) slot = (slot + 1) & last;
  return slot;
}

KnownIds::KnownIds(std::int64_t greatest) : floor_(greatest) {}

void KnownIds::add(std::int64_t id) {
  if (newer_.size == kRemembered) {
    floor_ = std::max(floor_, older_.greatest);
    std::swap(older_, newer_);
    std::ranges::fill(newer_.slots, kFree);
    newer_.size = 0;
    newer_.greatest = kFree;
  }
  std::int64_t& slot = newer_.slots[newer_.slot_of(id)];
  newer_.size += slot != id;
  slot = id;
  newer_.greatest = std::max(newer_.greatest, id);
}

bool KnownIds::may_have(std::int64_t id) const {
  return id <= floor_ || newer_.has(id) || older_.has(id);
}

}  // namespace weir::journal

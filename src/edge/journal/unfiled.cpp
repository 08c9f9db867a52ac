#include "edge/journal/unfiled.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir::journal {
namespace {

// More at once cost SQLite less an entry; they are durable already, so this delays nobody.
constexpr auto kGather = std::chrono::milliseconds(100);
constexpr std::size_t kEnough = 4096;  // Entries.
constexpr auto kIdle = std::chrono::seconds(1);

}  // namespace

void Unfiled::add(const EntryBatch& batch) {
  bool first;
  {
    std::lock_guard lock(mutex_);
    first = waiting_.empty() ||
            (waiting_.size() < kEnough && waiting_.size() + batch.size() >= kEnough);
    waiting_.append(batch);
  }
  if (first) arrived_.notify_one();
}

void Unfiled::add(std::string_view bytes, std::uint64_t position) {
  std::lock_guard lock(mutex_);
  waiting_.append(bytes, position);
}

const EntryBatch* Unfiled::take() {
  std::unique_lock lock(mutex_);
  if (!taken_.empty()) return &taken_;  // The last try failed.
  arrived_.wait_for(lock, kIdle, [this] { return end_ || !waiting_.empty(); });
  if (waiting_.empty()) return nullptr;
  arrived_.wait_for(lock, kGather,
                    [this] { return end_ || in_haste_ || waiting_.size() >= kEnough; });
  std::swap(taken_, waiting_);
  return &taken_;
}

void Unfiled::filed() {
  {
    std::lock_guard lock(mutex_);
    taken_.clear();
  }
  left_.notify_all();
}

bool Unfiled::wait_below(std::size_t bytes, const std::function<bool()>& stop) {
  std::unique_lock lock(mutex_);
  const auto below = [&] { return taken_.bytes().size() + waiting_.bytes().size() < bytes; };
  in_haste_ = true;
  arrived_.notify_one();
  while (!below() && !stop()) left_.wait_for(lock, kGather);
  in_haste_ = false;
  return below();
}

void Unfiled::end() {
  {
    std::lock_guard lock(mutex_);
    end_ = true;
  }
  arrived_.notify_all();
  left_.notify_all();
}

std::uint64_t Unfiled::filed_below(std::uint64_t end) const {
  std::lock_guard lock(mutex_);
  if (!taken_.empty()) return taken_.entries().front().position;
  return waiting_.empty() ? end : waiting_.entries().front().position;
}

std::size_t Unfiled::entries() const {
  std::lock_guard lock(mutex_);
  return taken_.size() + waiting_.size();
}

std::size_t Unfiled::bytes() const {
  std::lock_guard lock(mutex_);
  return taken_.bytes().size() + waiting_.bytes().size();
}

template <typename Visit>
void Unfiled::each(const Visit& visit) const {
  std::lock_guard lock(mutex_);
  for (const EntryBatch* batch : {&taken_, &waiting_}) {
    for (const EntryBatch::Entry& entry : batch->entries()) visit(*batch, entry);
  }
}

std::optional<Record> Unfiled::find_payment(std::int64_t transaction_id) const {
  std::lock_guard lock(mutex_);
  auto found = waiting_.find_payment(transaction_id);
  if (!found) found = taken_.find_payment(transaction_id);
  return found;
}

std::vector<Record> Unfiled::find_feedback(std::int64_t transaction_id) const {
  std::vector<Record> found;
  each([&](const EntryBatch& batch, const EntryBatch::Entry& entry) {
    if (entry.kind != RecordKind::kFeedback || entry.transaction_id != transaction_id) return;
    found.push_back(batch.record(entry));
  });
  return found;
}

std::optional<Record> Unfiled::control_before(std::uint64_t position) const {
  std::optional<Record> found;
  each([&](const EntryBatch& batch, const EntryBatch::Entry& entry) {
    if (entry.kind != RecordKind::kControl || entry.position >= position) return;
    found = batch.record(entry);
  });
  return found;
}

std::optional<Record> Unfiled::newest() const {
  std::lock_guard lock(mutex_);
  for (const EntryBatch* batch : {&waiting_, &taken_}) {
    if (!batch->empty()) return batch->record(batch->entries().back());
  }
  return std::nullopt;
}

std::optional<Record> Unfiled::oldest() const {
  std::lock_guard lock(mutex_);
  for (const EntryBatch* batch : {&taken_, &waiting_}) {
    if (!batch->empty()) return batch->record(batch->entries().front());
  }
  return std::nullopt;
}

std::int64_t Unfiled::max_transaction_id() const {
  std::int64_t greatest = -1;
  each([&](const EntryBatch&, const EntryBatch::Entry& entry) {
    if (entry.kind == RecordKind::kPayment) greatest = std::max(greatest, entry.transaction_id);
  });
  return greatest;
}

std::vector<Record> Unfiled::range(std::uint64_t from, std::uint64_t to) const {
  std::vector<Record> found;
  each([&](const EntryBatch& batch, const EntryBatch::Entry& entry) {
    if (entry.position >= from && entry.position < to) found.push_back(batch.record(entry));
  });
  return found;
}

}  // namespace weir::journal

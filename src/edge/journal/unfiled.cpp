#include "edge/journal/unfiled.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir::journal {
namespace {

// More at once cost SQLite less an entry; they are durable already, so this delays nobody.
constexpr auto kGather = std::chrono::milliseconds(100);
constexpr std::size_t kEnough = 4096;  // Entries.
constexpr std::size_t kSpare = 8;      // Parts, of a megabyte or so.
constexpr auto kIdle = std::chrono::seconds(1);

}  // namespace

EntryBatch& Unfiled::open_part() {
  const bool none = parts_.empty() || (taken_ && parts_.size() == 1);
  if (none || parts_.back().size() >= kEnough) {
    if (spare_.empty()) spare_.emplace_back();
    parts_.push_back(std::move(spare_.back()));
    spare_.pop_back();
  }
  return parts_.back();
}

void Unfiled::add(const EntryBatch& batch) {
  bool first;
  bool much;
  {
    std::lock_guard lock(mutex_);
    EntryBatch& part = open_part();
    first = part.empty() || (part.size() < kEnough && part.size() + batch.size() >= kEnough);
    part.append(batch);
    bytes_ += batch.bytes().size();
    much = bytes_ > kMuch;
  }
  if (first) (much ? gathered_ : arrived_).notify_one();
}

void Unfiled::add(std::string_view bytes, std::uint64_t position) {
  if (bytes.empty()) return;
  std::lock_guard lock(mutex_);
  open_part().append(bytes, position);
  bytes_ += bytes.size();
}

bool Unfiled::may_take(Filer filer) const {
  const bool hurry = end_ || in_haste_ || bytes_ > kMuch;
  return !taken_ && !parts_.empty() && hurry == (filer == Filer::kHasty);
}

const EntryBatch* Unfiled::take(Filer filer) {
  std::unique_lock lock(mutex_);
  // Each is woken for its own work only.
  (filer == Filer::kHasty ? gathered_ : arrived_).wait_for(lock, kIdle, [&] {
    // At the end what the other one has in hand is awaited: the rest comes after it.
    return (end_ && !taken_) || may_take(filer);
  });
  if (filer == Filer::kPatient) {
    arrived_.wait_for(lock, kGather,
                      [&] { return !may_take(filer) || parts_.front().size() >= kEnough; });
  }
  if (!may_take(filer)) return nullptr;
  taken_ = true;
  return &parts_.front();
}

void Unfiled::not_filed() {
  std::lock_guard lock(mutex_);
  taken_ = false;
}

void Unfiled::filed() {
  EntryBatch done;
  bool hurry;
  {
    std::lock_guard lock(mutex_);
    done = std::move(parts_.front());
    parts_.pop_front();
    taken_ = false;
    bytes_ -= done.bytes().size();
    hurry = end_ || in_haste_ || bytes_ > kMuch;
  }
  left_.notify_all();
  (hurry ? gathered_ : arrived_).notify_one();
  done.clear();
  std::lock_guard lock(mutex_);
  if (spare_.size() < kSpare) spare_.push_back(std::move(done));
}

bool Unfiled::wait_below(std::size_t bytes, const std::function<bool()>& stop) {
  std::unique_lock lock(mutex_);
  in_haste_ = true;
  gathered_.notify_one();
  while (bytes_ >= bytes && !stop()) left_.wait_for(lock, kGather);
  in_haste_ = false;
  return bytes_ < bytes;
}

void Unfiled::end() {
  {
    std::lock_guard lock(mutex_);
    end_ = true;
  }
  arrived_.notify_all();
  gathered_.notify_all();
  left_.notify_all();
}

std::uint64_t Unfiled::filed_below(std::uint64_t end) const {
  std::lock_guard lock(mutex_);
  return parts_.empty() ? end : parts_.front().entries().front().position;
}

std::size_t Unfiled::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

template <typename Visit>
void Unfiled::each(const Visit& visit) const {
  std::lock_guard lock(mutex_);
  for (const EntryBatch& part : parts_) {
    for (const EntryBatch::Entry& entry : part.entries()) visit(part, entry);
  }
}

std::optional<Record> Unfiled::find_payment(std::int64_t transaction_id) const {
  std::lock_guard lock(mutex_);
  for (auto part = parts_.rbegin(); part != parts_.rend(); ++part) {
    if (auto found = part->find_payment(transaction_id)) return found;
  }
  return std::nullopt;
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
  if (parts_.empty()) return std::nullopt;
  return parts_.back().record(parts_.back().entries().back());
}

std::optional<Record> Unfiled::oldest() const {
  std::lock_guard lock(mutex_);
  if (parts_.empty()) return std::nullopt;
  return parts_.front().record(parts_.front().entries().front());
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

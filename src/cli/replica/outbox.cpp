#include "cli/replica/outbox.h"

#include <algorithm>

namespace weir::cli {
namespace {

/// Two producers take turns, and each may have left one transaction.
constexpr std::size_t kPartsKept = 2;

}  // namespace

Outbox::Part& Outbox::open_part() {
  const bool taken = parts_.size() == 1 && front_taken_;
  if (parts_.empty() || taken || parts_.back()->events >= most_events_ ||
      parts_.back()->batch.bytes() >= kMostPartBytes) {
    parts_.push_back(std::make_unique<Part>());
  }
  return *parts_.back();
}

const Outbox::Part* Outbox::take(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, wait, [this] { return !parts_.empty(); });
  if (parts_.empty()) return nullptr;
  front_taken_ = true;
  return parts_.front().get();
}

void Outbox::forget(std::int64_t committed) {
  const std::lock_guard lock(mutex_);
  committed_ = std::max(committed_, committed);
  while (!parts_.empty() && parts_.front()->next <= committed_) {
    bytes_ -= parts_.front()->batch.bytes();
    keep_forgotten(std::move(parts_.front()));
    parts_.pop_front();
    front_taken_ = false;
  }
  if (parts_.empty()) return;
  Part& front = *parts_.front();
  const auto written = std::lower_bound(front.offsets.begin(), front.offsets.end(), committed_);
  if (written == front.offsets.begin()) return;
  auto part = std::make_unique<Part>();
  part->next = committed_;
  part->offsets.assign(front.offsets.begin(), written);
  part->events = part->offsets.size();
  for (std::size_t i = 0; i < part->offsets.size(); ++i) part->batch.add(front.batch, i);
  front.batch.drop_first(part->offsets.size());
  front.offsets.erase(front.offsets.begin(), written);
  keep_forgotten(std::move(part));
}

void Outbox::keep_forgotten(std::unique_ptr<Part> part) {
  forgotten_events_ += part->events;
  forgotten_.push_back(std::move(part));
  while (forgotten_events_ - forgotten_.front()->events >= kPartsKept * most_events_) {
    forgotten_events_ -= forgotten_.front()->events;
    forgotten_.pop_front();
  }
}

void Outbox::leave_out(const std::unordered_set<std::string>& keys) {
  const std::lock_guard lock(mutex_);
  for (const auto& part : parts_) {
    std::vector<bool> marks;
    for (std::size_t i = 0; i < part->batch.size(); ++i) {
      marks.push_back(keys.contains(std::string(part->batch.key(i))));
    }
    part->batch.drop(marks);
    std::size_t at = 0;
    std::erase_if(part->offsets, [&](std::int64_t) { return marks[at++]; });
  }
}

kafka::OutgoingBatch Outbox::lost(const Doubt& doubt,
                                  const std::unordered_set<std::string>& keys) const {
  const std::lock_guard lock(mutex_);
  kafka::OutgoingBatch lost;
  bool doubted = false;
  for (const auto& part : forgotten_) {
    for (std::size_t i = 0; i < part->batch.size(); ++i) {
      doubted = doubted || doubt.covers(part->offsets[i], part->batch.header(i, "position"));
      if (doubted && !keys.contains(std::string(part->batch.key(i)))) lost.add(part->batch, i);
    }
  }
  return lost;
}

std::int64_t Outbox::committed() const {
  const std::lock_guard lock(mutex_);
  return committed_;
}

bool Outbox::empty() const {
  const std::lock_guard lock(mutex_);
  return parts_.empty();
}

bool Outbox::full() const {
  const std::lock_guard lock(mutex_);
  return bytes_ >= kMostBytes;
}

}  // namespace weir::cli

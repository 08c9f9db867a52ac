#include "core/streaming/feedback_memory.h"

#include "core/transaction/hash.h"

namespace weir {

bool FeedbackMemory::add(const Feedback& feedback, bool timed, Seconds logged_at) {
  forget(logged_at - kWindow);
  Entry entry;
  entry.source = hash64(1, static_cast<std::uint64_t>(feedback.payment.transaction_id),
                        static_cast<std::uint64_t>(feedback.source));
  entry.exact = hash64(entry.source, static_cast<std::uint64_t>(feedback.outcome),
                       static_cast<std::uint64_t>(feedback.known_at));
  entry.logged_at = logged_at;
  entry.outcome = feedback.outcome;
  const auto newest = newest_.find(entry.source);
  const bool same = newest != newest_.end() && newest->second.outcome == feedback.outcome;
  if (timed ? exact_.contains(entry.exact) : same) return false;
  insert(entry);
  return true;
}

void FeedbackMemory::insert(const Entry& entry) {
  entries_.push_back(entry);
  exact_.insert(entry.exact);
  newest_[entry.source] = {entry.logged_at, entry.outcome};
}

void FeedbackMemory::forget(Seconds oldest) {
  while (!entries_.empty() && entries_.front().logged_at < oldest) {
    const Entry& entry = entries_.front();
    exact_.erase(entry.exact);
    const auto newest = newest_.find(entry.source);
    if (newest != newest_.end() && newest->second.logged_at < oldest) newest_.erase(newest);
    entries_.pop_front();
  }
}

void FeedbackMemory::append_snapshot(std::string& bytes) const {
  put_bytes(bytes, static_cast<std::uint64_t>(entries_.size()));
  for (const Entry& entry : entries_) {
    put_bytes(bytes, entry.exact);
    put_bytes(bytes, entry.source);
    put_bytes(bytes, entry.logged_at);
    put_bytes(bytes, static_cast<std::uint8_t>(entry.outcome));
  }
}

void FeedbackMemory::restore_snapshot(ByteReader& reader) {
  *this = {};
  const auto count = reader.get<std::uint64_t>();
  for (std::uint64_t i = 0; i < count; ++i) {
    Entry entry;
    entry.exact = reader.get<std::uint64_t>();
    entry.source = reader.get<std::uint64_t>();
    entry.logged_at = reader.get<Seconds>();
    entry.outcome = static_cast<Outcome>(reader.get<std::uint8_t>());
    insert(entry);
  }
}

}  // namespace weir

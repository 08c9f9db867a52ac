#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "cli/stream/outputs_reader.h"
#include "edge/kafka/transactional_producer.h"

namespace weir::cli {

/// A log that replicas answer from has one partition: its order is what they agree by.
inline constexpr int kLogPartition = 0;

/// Outputs of the events that were applied here and may not be committed yet, by offset.
///
/// Every replica fills its own, since each may become the log's owner: then it writes what lies
/// after the group's committed offset. Others forget what the owner has committed, but for the last
/// of it: a broker may have left that half over. One thread pushes, another one takes and forgets.
class Outbox {
 public:
  struct Part {
    std::int64_t next = 0;              ///< Offset after its last event.
    std::size_t events = 0;             ///< With those that have no output.
    std::vector<std::int64_t> offsets;  ///< Of each message's event, ascending.
    kafka::OutgoingBatch batch;
  };

  /// `events`: of one part at most.
  explicit Outbox(std::size_t events) : most_events_(events) {}

  /// Adds an event; `add` is given the batch that its output, if any, goes into.
  template <typename Add>
  void push(std::int64_t offset, const Add& add) {
    const std::lock_guard lock(mutex_);
    if (offset < committed_) return;
    Part& part = open_part();
    const std::size_t before = part.batch.size();
    const std::size_t bytes_before = part.batch.bytes();
    add(part.batch);
    if (part.batch.size() != before) part.offsets.push_back(offset);
    bytes_ += part.batch.bytes() - bytes_before;
    part.next = offset + 1;
    ++part.events;
    changed_.notify_one();
  }

  /// The oldest part, which gets no more events from now on; null when nothing comes within `wait`.
  /// Valid until `forget`.
  const Part* take(std::chrono::milliseconds wait);
  /// Everything before `committed` is written.
  void forget(std::int64_t committed);

  /// Messages with these keys are written, wherever they stand. Not while a part is taken.
  void leave_out(const std::unordered_set<std::string>& keys);
  /// Of what was forgotten last, two parts' worth at least: what is in `doubt` and has none of
  /// these keys.
  kafka::OutgoingBatch lost(const Doubt& doubt, const std::unordered_set<std::string>& keys) const;

  /// What was forgotten up to.
  std::int64_t committed() const;
  bool empty() const;
  /// More waits to be written than this process should hold.
  bool full() const;

 private:
  static constexpr std::size_t kMostBytes = 256 * 1024 * 1024;
  static constexpr std::size_t kMostPartBytes = 32 * 1024 * 1024;

  Part& open_part();
  void keep_forgotten(std::unique_ptr<Part> part);

  std::size_t most_events_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Part>> parts_;  // Oldest first.
  bool front_taken_ = false;
  std::int64_t committed_ = 0;
  std::size_t bytes_ = 0;
  std::deque<std::unique_ptr<Part>> forgotten_;  // The last of them.
  std::size_t forgotten_events_ = 0;
};

}  // namespace weir::cli

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "edge/kafka/transactional_producer.h"

namespace weir::kafka {

/// Sends batches and commits them, one transaction after another, on a thread of its own. What is
/// added goes out while more is made; what is added during a commit, after it.
class BatchWriter {
 public:
  /// What became of a transaction.
  struct Result {
    bool committed = false;  ///< False: the group has moved on, nothing is written.
    double seconds = 0;      ///< From commit to the broker's answer.
  };

  /// `partition`: of the input, and of every output topic.
  BatchWriter(std::unique_ptr<TransactionalProducer> producer, int partition);
  /// Waits for a commit that is under way; discards what was added after it.
  ~BatchWriter();
  BatchWriter(const BatchWriter&) = delete;
  BatchWriter& operator=(const BatchWriter&) = delete;

  /// Takes the messages of `batch`, which is empty afterwards, into the transaction that is next to
  /// be committed.
  void add(OutgoingBatch& batch);
  /// Adds `batch` and commits all that was added together with `next` as what `consumer` has read
  /// up to. Precondition: no commit is under way.
  void commit(OutgoingBatch& batch, const Consumer& consumer, std::int64_t next);
  /// No commit is under way, but perhaps a result to take.
  bool idle() const;
  /// Waits for the commit that is under way; nothing where none was. Throws what it threw.
  std::optional<Result> wait();

  /// The same for at most `most`; nothing too where it is still under way.
  std::optional<Result> wait_for(std::chrono::milliseconds most);
  /// From this moment on commits are given up.
  void stop_by(std::chrono::steady_clock::time_point moment) { producer_->stop_by(moment); }

  std::uint64_t aborts() const { return producer_->aborts(); }

 private:
  void take(OutgoingBatch& batch);
  void run();
  /// Both are called with the lock, which they leave meanwhile.
  void send_next(std::unique_lock<std::mutex>& lock);
  void commit_now(std::unique_lock<std::mutex>& lock);

  std::unique_ptr<TransactionalProducer> producer_;
  int partition_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<OutgoingBatch> batches_;  // Not committed; a deque leaves them where they are.
  std::size_t sent_ = 0;               // The first so many of them are sent.
  std::vector<OutgoingBatch> spare_;   // Empty, with memory that is warm.
  ReadUpTo read_up_to_;
  std::size_t committing_ = 0;  // The first so many are being committed.
  bool busy_ = false;           // A commit is under way.
  bool over_ = false;           // Nothing more can be written.
  bool stop_ = false;
  std::optional<Result> result_;
  std::exception_ptr thrown_;
  std::thread thread_;
};

}  // namespace weir::kafka

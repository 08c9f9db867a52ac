#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "edge/kafka/transactional_producer.h"

namespace weir::kafka {

/// Commits batches one at a time on a thread of its own, so that the next is filled meanwhile.
class BatchWriter {
 public:
  /// What became of a batch.
  struct Result {
    bool committed = false;  ///< False: the group has moved on, nothing is written.
    double seconds = 0;      ///< From write to the broker's answer.
  };

  /// `partition`: of the input, and of every output topic.
  BatchWriter(std::unique_ptr<TransactionalProducer> producer, int partition);
  /// Waits for what is under way.
  ~BatchWriter();
  BatchWriter(const BatchWriter&) = delete;
  BatchWriter& operator=(const BatchWriter&) = delete;

  /// Takes the messages of `batch`, which is empty afterwards, to commit them together with `next`
  /// as what `consumer` has read up to. Precondition: nothing is under way.
  void write(OutgoingBatch& batch, const Consumer& consumer, std::int64_t next);
  /// Nothing is under way, but perhaps a result to take.
  bool idle() const;
  /// Waits for what is under way; nothing where nothing was. Throws what the commit threw.
  std::optional<Result> wait();

  /// The same for at most `most`; nothing too where it is still under way.
  std::optional<Result> wait_for(std::chrono::milliseconds most);
  /// From this moment on commits are given up.
  void stop_by(std::chrono::steady_clock::time_point moment) { producer_->stop_by(moment); }

  std::uint64_t aborts() const { return producer_->aborts(); }

 private:
  void run();

  std::unique_ptr<TransactionalProducer> producer_;
  int partition_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // The batch and its place are the thread's while it is busy.
  OutgoingBatch batch_;
  ReadUpTo read_up_to_;
  bool busy_ = false;
  bool stop_ = false;
  std::optional<Result> result_;
  std::exception_ptr thrown_;
  std::thread thread_;
};

}  // namespace weir::kafka

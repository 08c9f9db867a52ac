#include "edge/kafka/batch_writer.h"

#include <chrono>
#include <utility>

namespace weir::kafka {

BatchWriter::BatchWriter(std::unique_ptr<TransactionalProducer> producer, int partition)
    : producer_(std::move(producer)), partition_(partition), thread_([this] { run(); }) {}

BatchWriter::~BatchWriter() {
  // Where brokers are away nobody waits for their return.
  producer_->stop_by(std::chrono::steady_clock::now() + std::chrono::seconds(5));
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
  producer_.reset();  // Before what it borrows.
}

void BatchWriter::take(OutgoingBatch& batch) {
  if (batch.size() == 0) return;
  batches_.push_back(std::move(batch));
  if (spare_.empty()) {
    batch = OutgoingBatch();
  } else {
    batch = std::move(spare_.back());
    spare_.pop_back();
  }
}

void BatchWriter::add(OutgoingBatch& batch) {
  {
    const std::lock_guard lock(mutex_);
    take(batch);
  }
  changed_.notify_all();
}

void BatchWriter::commit(OutgoingBatch& batch, const Consumer& consumer, std::int64_t next) {
  {
    const std::lock_guard lock(mutex_);
    take(batch);
    committing_ = batches_.size();
    // The group as it is now: what was read under it must not be committed under a later one.
    read_up_to_ = consumer.read_up_to(partition_, next);
    busy_ = true;
  }
  changed_.notify_all();
}

bool BatchWriter::idle() const {
  const std::lock_guard lock(mutex_);
  return !busy_;
}

std::optional<BatchWriter::Result> BatchWriter::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !busy_; });
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
  return std::exchange(result_, std::nullopt);
}

std::optional<BatchWriter::Result> BatchWriter::wait_for(std::chrono::milliseconds most) {
  {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, most, [this] { return !busy_; })) return std::nullopt;
  }
  return wait();
}

void BatchWriter::send_next(std::unique_lock<std::mutex>& lock) {
  const OutgoingBatch& batch = batches_[sent_];
  lock.unlock();
  std::exception_ptr thrown;
  try {
    producer_->send(batch, partition_);
  } catch (...) {
    thrown = std::current_exception();
  }
  lock.lock();
  ++sent_;
  if (!thrown) return;
  over_ = true;
  thrown_ = thrown;
}

void BatchWriter::commit_now(std::unique_lock<std::mutex>& lock) {
  std::vector<const OutgoingBatch*> batches;
  for (std::size_t i = 0; i < committing_; ++i) batches.push_back(&batches_[i]);
  lock.unlock();
  const auto began = std::chrono::steady_clock::now();
  Result result;
  std::exception_ptr thrown;
  try {
    result.committed = producer_->commit(batches, batches.size(), partition_, read_up_to_);
  } catch (...) {
    thrown = std::current_exception();
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  lock.lock();
  for (; committing_ != 0; --committing_) {
    batches_.front().clear();
    spare_.push_back(std::move(batches_.front()));
    batches_.pop_front();
  }
  sent_ = 0;
  over_ = thrown != nullptr || !result.committed;
  thrown_ = thrown;
  result_ = result;
  busy_ = false;
}

void BatchWriter::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto unsent = [this] { return sent_ < (busy_ ? committing_ : batches_.size()); };
    changed_.wait(lock, [&] { return stop_ || busy_ || (!over_ && unsent()); });
    if (busy_ && over_) {
      busy_ = false;  // What was thrown before is told where the result is taken.
      result_ = Result();
    } else if (stop_ && !busy_) {
      return;
    } else if (unsent()) {
      send_next(lock);
      continue;
    } else {
      commit_now(lock);
    }
    changed_.notify_all();
  }
}

}  // namespace weir::kafka

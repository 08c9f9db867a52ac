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
}

void BatchWriter::write(OutgoingBatch& batch, const Consumer& consumer, std::int64_t next) {
  {
    const std::lock_guard lock(mutex_);
    std::swap(batch_, batch);
    // The group as it is now: what was read under it must not be committed under a later one.
    read_up_to_ = consumer.read_up_to(partition_, next);
    busy_ = true;
  }
  batch.clear();
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

void BatchWriter::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return busy_ || stop_; });
    if (!busy_) return;
    lock.unlock();
    const auto began = std::chrono::steady_clock::now();
    Result result;
    std::exception_ptr thrown;
    try {
      result.committed = producer_->commit(batch_, partition_, read_up_to_);
    } catch (...) {
      thrown = std::current_exception();
    }
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    lock.lock();
    result_ = result;
    thrown_ = thrown;
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace weir::kafka

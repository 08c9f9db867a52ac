#include "edge/files/workers.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace weir::files {

int thread_count(int threads) {
  if (threads > 0) return threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void for_each_index(std::size_t count,
                    int threads,
                    Progress& progress,
                    WorkerState& state,
                    const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::condition_variable ended;
  std::exception_ptr failure;
  const std::size_t workers =
      std::min(count, static_cast<std::size_t>(std::max(1, thread_count(threads))));
  std::size_t running = workers;
  const auto loop = [&] {
    try {
      for (std::size_t index = next++; index < count && !state.stop; index = next++) work(index);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      state.stop = true;
    }
    const std::lock_guard lock(mutex);
    --running;
    ended.notify_one();
  };
  {
    std::vector<std::jthread> pool;
    for (std::size_t i = 0; i < workers; ++i) pool.emplace_back(loop);
    std::unique_lock lock(mutex);
    while (running != 0) {
      ended.wait_for(lock, std::chrono::milliseconds(50));
      if (failure) continue;
      lock.unlock();
      std::exception_ptr interrupted;
      try {
        progress.update(state.done);
      } catch (...) {
        interrupted = std::current_exception();
        state.stop = true;
      }
      lock.lock();
      if (interrupted && !failure) failure = interrupted;
    }
  }
  if (failure) std::rethrow_exception(failure);
  progress.update(state.done);
}

}  // namespace weir::files

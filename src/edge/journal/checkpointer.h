#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "edge/journal/journal.h"

namespace weir::journal {

/// Keeps the write-ahead file short without making a commit wait for the disk: a thread with a
/// connection of its own moves the bulk while commits go on, and the writer only what came
/// meanwhile. The writer must do the last of it, since SQLite begins the file anew only when all of
/// it has been moved and nobody writes.
class Checkpointer {
 public:
  /// Throws Error when the journal cannot be opened a second time.
  explicit Checkpointer(Journal& journal);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  /// The writer calls this after each commit; cheap while there is nothing to do.
  void after_commit();
  /// Pages that the writer had to move itself, at most.
  int most_left() const { return most_left_; }

 private:
  void run_thread();

  Journal& journal_;
  Database database_;  // The thread's.
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable asked_;
  enum class State { kIdle, kMoving, kMoved, kEnd };
  std::atomic<State> state_ = State::kIdle;
  std::atomic<int> moved_ = 0;  // Pages moved, of those in the file.
  int kept_ = 0;                // Pages already moved and still in the file.
  int most_left_ = 0;
  int rounds_ = 0;  // Moves since the file began anew.
};

}  // namespace weir::journal

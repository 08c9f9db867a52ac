#include "edge/journal/checkpointer.h"

#include <algorithm>

namespace weir::journal {
namespace {

constexpr int kLongFile = 4096;  // Pages of 8 KiB: 32 MiB.
constexpr int kShortRest = 64;   // What the writer moves itself takes about as long as a commit.
constexpr int kMostRounds = 4;   // Then the writer moves whatever is left.

}  // namespace

Checkpointer::Checkpointer(Journal& journal)
    : journal_(journal), database_(journal.file(), Database::Mode::kCreate) {
  // A connection that has read nothing does not know of the write-ahead file.
  database_.query_integer("PRAGMA schema_version");
  thread_ = std::thread([this] { run_thread(); });
}

Checkpointer::~Checkpointer() {
  {
    std::lock_guard lock(mutex_);
    state_ = State::kEnd;
  }
  asked_.notify_all();
  thread_.join();
}

void Checkpointer::after_commit() {
  const State state = state_.load(std::memory_order_acquire);
  if (state == State::kMoving) return;
  if (state == State::kMoved) {
    const int rest = journal_.pages_ahead() - moved_;
    if (rest <= kShortRest || rounds_ >= kMostRounds) {
      most_left_ = std::max(most_left_, rest);
      journal_.checkpoint();
      kept_ = journal_.pages_ahead();
      rounds_ = 0;
      state_ = State::kIdle;
      return;
    }
  } else {
    // While somebody reads, the file goes on where it was instead of beginning anew.
    if (journal_.pages_ahead() < kept_) kept_ = 0;
    if (journal_.pages_ahead() - kept_ < kLongFile) return;
  }
  ++rounds_;
  {
    std::lock_guard lock(mutex_);
    state_ = State::kMoving;
  }
  asked_.notify_all();
}

void Checkpointer::run_thread() {
  std::unique_lock lock(mutex_);
  for (;;) {
    asked_.wait(lock, [this] { return state_ == State::kMoving || state_ == State::kEnd; });
    if (state_ == State::kEnd) return;
    lock.unlock();
    int moved = 0;
    sqlite3_wal_checkpoint_v2(database_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, &moved);
    lock.lock();
    if (state_ == State::kEnd) return;
    moved_ = moved;
    state_ = State::kMoved;
  }
}

}  // namespace weir::journal

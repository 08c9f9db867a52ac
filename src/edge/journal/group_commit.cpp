#include "edge/journal/group_commit.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "core/transaction/error.h"

namespace weir::journal {

GroupCommit::GroupCommit(Journal& journal, bool in_background) : journal_(journal) {
  if (!in_background) return;
  wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  thread_ = std::thread([this] { run_thread(); });
}

GroupCommit::~GroupCommit() {
  if (thread_.joinable()) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return work_ != Work::kCommit; });
      work_ = Work::kEnd;
    }
    changed_.notify_all();
    thread_.join();
  }
  if (wake_ >= 0) close(wake_);
}

std::uint64_t GroupCommit::add(const Record& record) {
  WEIR_CHECK(!stuck_);
  open_.add(record);
  return last_ticket_ = ticket_;
}

GroupCommit::Pending GroupCommit::find_payment(std::int64_t transaction_id) const {
  if (auto found = open_.find_payment(transaction_id)) return {std::move(found), ticket_};
  if (auto found = flying_.find_payment(transaction_id)) return {std::move(found), flying_ticket_};
  return {};
}

GroupCommit::State GroupCommit::state(std::uint64_t ticket) const {
  if (ticket >= failed_from_ && ticket <= failed_through_) return State::kFailed;
  return ticket <= done_ticket_ ? State::kDone : State::kPending;
}

bool GroupCommit::commit(const EntryBatch& batch, std::string& fault, double& seconds) {
  const auto start = std::chrono::steady_clock::now();
  const bool written = journal_.write(batch, fault);
  seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return written;
}

void GroupCommit::settle(bool written, std::string fault, double seconds) {
  counters_.seconds.observe(seconds);
  if (written) {
    ++counters_.commits;
    counters_.records += flying_.size();
    flying_.clear();
    done_ticket_ = std::max(done_ticket_, flying_ticket_);
    stuck_ = false;
    fault_.clear();
    return;
  }
  ++counters_.failures;
  fault_ = std::move(fault);
  if (!stuck_) failed_from_ = flying_ticket_;
  stuck_ = true;
  // What was applied after the failed batch waits behind it, in order.
  if (!open_.empty()) {
    flying_.append(open_);
    open_.clear();
    flying_ticket_ = ticket_++;
  }
  failed_through_ = flying_ticket_;
}

void GroupCommit::collect() {
  {
    std::unique_lock lock(mutex_);
    if (work_ != Work::kFinished) return;
    work_ = Work::kNone;
  }
  std::uint64_t count;
  static_cast<void>(!read(wake_, &count, sizeof(count)));
  settle(written_, std::move(thread_fault_), thread_seconds_);
}

void GroupCommit::end_round() {
  if (thread_.joinable()) {
    collect();
    if (stuck_ || open_.empty()) return;
    std::unique_lock lock(mutex_);
    if (work_ != Work::kNone) return;
    std::swap(flying_, open_);
    flying_ticket_ = ticket_++;
    work_ = Work::kCommit;
    lock.unlock();
    changed_.notify_all();
    return;
  }
  if (stuck_ || open_.empty()) return;
  std::swap(flying_, open_);
  flying_ticket_ = ticket_++;
  std::string fault;
  double seconds = 0;
  const bool written = commit(flying_, fault, seconds);
  settle(written, std::move(fault), seconds);
}

void GroupCommit::tick() {
  if (!stuck_) return;
  if (!thread_.joinable()) {
    std::string fault;
    double seconds = 0;
    const bool written = commit(flying_, fault, seconds);
    settle(written, std::move(fault), seconds);
    return;
  }
  collect();
  {
    std::unique_lock lock(mutex_);
    if (!stuck_ || work_ != Work::kNone) return;
    work_ = Work::kCommit;
  }
  changed_.notify_all();
}

bool GroupCommit::finish() {
  if (thread_.joinable()) {
    for (int round = 0; round < 2; ++round) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return work_ != Work::kCommit; });
      }
      end_round();
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return work_ != Work::kCommit; });
    lock.unlock();
    collect();
  }
  if (!thread_.joinable()) {
    end_round();
    if (stuck_) tick();
  }
  return !stuck_ && open_.empty();
}

void GroupCommit::run_thread() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return work_ == Work::kCommit || work_ == Work::kEnd; });
    if (work_ == Work::kEnd) return;
    lock.unlock();
    // The caller leaves flying_ alone while work_ is kCommit.
    std::string fault;
    double seconds = 0;
    const bool written = commit(flying_, fault, seconds);
    lock.lock();
    written_ = written;
    thread_fault_ = std::move(fault);
    thread_seconds_ = seconds;
    work_ = Work::kFinished;
    const std::uint64_t one = 1;
    static_cast<void>(!write(wake_, &one, sizeof(one)));
    changed_.notify_all();
  }
}

}  // namespace weir::journal

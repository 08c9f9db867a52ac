#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "edge/journal/journal.h"
#include "edge/journal/record.h"
#include "edge/metrics/histogram.h"

namespace weir::journal {

/// Gathers records into batches and makes each batch durable at once.
///
/// With `in_background` a thread of its own writes, so that the caller goes on while the disk is
/// waited for; one batch is on its way at a time. When a commit fails the batch is kept and tried
/// again by `tick`: what was applied to the state stays in the log's order. Until it succeeds
/// `stuck()` is true and nothing may be added.
class GroupCommit {
 public:
  enum class State { kPending, kDone, kFailed };

  GroupCommit(Journal& journal, bool in_background);
  ~GroupCommit();
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  /// Adds to the open batch and returns its ticket. Precondition: not stuck.
  std::uint64_t add(const Record& record);

  /// Commits the open batch, or hands it to the thread where that is free.
  void end_round();
  /// Tries a stuck batch again.
  void tick();
  /// Commits everything that is open, waiting for it. False when that fails.
  bool finish();

  /// Of the record that was added last; 0 when none was.
  std::uint64_t last_ticket() const { return last_ticket_; }

  State state(std::uint64_t ticket) const;
  bool stuck() const { return stuck_; }
  /// Why the last commit failed; empty when it did not.
  const std::string& fault() const { return fault_; }
  /// Readable when the thread has finished a batch; -1 without a thread.
  int wake_descriptor() const { return wake_; }

  /// A payment that is added and not yet committed, with its ticket.
  struct Pending {
    std::optional<Record> record;
    std::uint64_t ticket = 0;
  };
  Pending find_payment(std::int64_t transaction_id) const;

  struct Counters {
    std::uint64_t commits = 0;
    std::uint64_t records = 0;
    std::uint64_t failures = 0;
    metrics::Histogram seconds{metrics::latency_bounds()};  ///< Of a commit.
  };
  const Counters& counters() const { return counters_; }
  std::size_t open_records() const { return open_.size() + flying_.size(); }

 private:
  bool commit(const EntryBatch& batch, std::string& fault, double& seconds);
  void settle(bool written, std::string fault, double seconds);
  void collect();
  void run_thread();

  Journal& journal_;
  EntryBatch open_;
  EntryBatch flying_;         // Being written, or stuck.
  std::uint64_t ticket_ = 1;  // Of the open batch.
  std::uint64_t last_ticket_ = 0;
  std::uint64_t flying_ticket_ = 0;
  std::uint64_t done_ticket_ = 0;
  std::uint64_t failed_from_ = 0;  // Tickets [from, through] failed.
  std::uint64_t failed_through_ = 0;
  bool stuck_ = false;
  std::string fault_;
  Counters counters_;

  // Between the caller and the thread.
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  enum class Work { kNone, kCommit, kFinished, kEnd };
  Work work_ = Work::kNone;
  bool written_ = false;
  std::string thread_fault_;
  double thread_seconds_ = 0;
  int wake_ = -1;
};

}  // namespace weir::journal

#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "edge/journal/block_store.h"
#include "edge/journal/entry_batch.h"
#include "edge/journal/record.h"
#include "edge/journal/tail.h"
#include "edge/journal/unfiled.h"

namespace weir::journal {

/// Throws UsageError for other words than `os` and `full`.
Durability parse_durability(std::string_view word);

/// The durable log of the service, a folder: what is written is in the tail at once, and threads
/// file it in SQLite, many entries a transaction, so that nobody waits for SQLite or its
/// checkpoints. They are two, one at a time: the usual one yields to whoever else wants the
/// processor, the other one has a share of it and files when much has gathered.
///
/// The writing side. One process writes; readers may be others. One thread at a time.
class Journal {
 public:
  /// Opens the journal of `folder`, or makes one; files what was left in the tail. Throws Error
  /// when it is damaged, of a later format or written by another process at the moment.
  Journal(const std::filesystem::path& folder, Durability durability);
  /// Files what it can.
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Makes all entries durable: all or none. False with `fault` set when the disk is full or fails;
  /// then the same, and more, may be tried again. Positions must be those after the last entry's.
  bool write(const EntryBatch& batch, std::string& fault);

  /// Waits until everything is in SQLite. False with `fault` set when SQLite does not take it; it
  /// is durable nevertheless.
  bool file_all(std::string& fault);
  /// Moves all that is filed into the main file.
  void checkpoint();

  /// Has the oldest blocks deleted, those whose entries were all logged before `logged_before` and
  /// are below `position_below`, some whenever entries are filed.
  void prune_from_now_on(Seconds logged_before, std::uint64_t position_below);
  /// Does so at once, until `limit` entries are gone; returns how many are.
  std::int64_t prune(Seconds logged_before, std::uint64_t position_below, std::int64_t limit);

  /// What is not in SQLite yet, for a reader of the same process.
  const Unfiled& unfiled() const { return unfiled_; }

 private:
  class Lock {
   public:
    explicit Lock(const std::filesystem::path& folder);
    ~Lock();
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

   private:
    int file_ = -1;
  };

  static std::filesystem::path make_folder(const std::filesystem::path& folder);
  void file_the_tail(const std::filesystem::path& folder);
  void run_filer(Unfiled::Filer filer);
  bool file(const EntryBatch& batch);
  /// What filing leaves to do: `pruned` of the oldest entries go, and the file beside the main one
  /// is shortened.
  void look_after_store(std::int64_t pruned);

  Lock lock_;
  std::mutex store_mutex_;
  BlockStore store_;
  std::optional<Tail> tail_;
  Unfiled unfiled_;
  std::uint64_t end_ = 0;  // Position after the last entry.
  std::atomic<Seconds> prune_before_ = 0;
  std::atomic<std::uint64_t> prune_below_ = 0;
  std::mutex fault_mutex_;
  std::string filing_fault_;  // Of the last try to file; empty when it succeeded.
  std::atomic<bool> failing_ = false;
  std::atomic<bool> ending_ = false;
  std::thread patient_filer_;
  std::thread hasty_filer_;
};

/// The reading side; sees what is durable. Not thread-safe; each thread opens its own.
class JournalReader {
 public:
  /// For the journal of another process or of none: what is in the tail now is seen too, and
  /// whatever SQLite gets later. Throws Error when there is no journal.
  explicit JournalReader(const std::filesystem::path& folder);
  /// For the journal that this process writes, which must outlive the reader.
  JournalReader(const std::filesystem::path& folder, const Journal& journal);

  /// Position after the last entry; 0 for an empty journal.
  std::uint64_t end_position();
  /// Of the oldest entry kept; nothing when it is empty.
  std::optional<std::uint64_t> first_position();
  Seconds last_logged_at();
  std::int64_t max_transaction_id();

  /// The payment of this id; the newest when rejected ones came before.
  std::optional<Record> find_payment(std::int64_t transaction_id);
  /// All feedback on a payment, in log order.
  std::vector<Record> find_feedback(std::int64_t transaction_id);
  /// The newest control event before `position`.
  std::optional<Control> control_before(std::uint64_t position);
  /// Calls `visit` for entries [from, to) in log order; it returns false to stop.
  void read(std::uint64_t from, std::uint64_t to, const std::function<bool(const Record&)>& visit);

 private:
  JournalReader(const std::filesystem::path& folder, const Unfiled* unfiled);
  std::optional<Record> at(std::uint64_t position);
  std::uint64_t filed_end();

  Database database_;
  std::optional<Unfiled> of_tail_;  // Where no journal of this process has it.
  const Unfiled* unfiled_;
  Statement find_payment_;
  Statement find_feedback_;
  Statement find_block_;
};

}  // namespace weir::journal

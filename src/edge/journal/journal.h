#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "edge/journal/database.h"
#include "edge/journal/entry_batch.h"
#include "edge/journal/record.h"

namespace weir::journal {

/// What an acknowledged entry survives. kOs: the end of the process, also by kill -9; the system
/// writes to disk when it likes. kFull: loss of power too; each commit waits for the disk.
enum class Durability { kOs, kFull };

/// Throws UsageError for other words than `os` and `full`.
Durability parse_durability(std::string_view word);

/// The durable log of the service: one SQLite file `journal.db` in WAL mode. A row of `log` is a
/// block, the entries that were committed together; `payment` and `feedback` say where those of a
/// transaction id are, `control` where the control events are.
///
/// The writing side. One process writes; readers may be others. Not thread-safe.
class Journal {
 public:
  /// Opens the journal of `folder`, or makes one; one of an earlier format is brought up to date.
  /// Throws Error when it is damaged, of a later format or written by another process at the
  /// moment.
  Journal(const std::filesystem::path& folder, Durability durability);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Writes all entries in one transaction: all or none. False with `fault` set when the disk is
  /// full or fails; then it may be tried again. Positions must be those after the last entry's.
  bool write(const EntryBatch& batch, std::string& fault);

  /// Moves what is committed from the write-ahead file into the main one. Never waits for readers,
  /// but for the disk.
  void checkpoint();
  /// In the write-ahead file as of the last commit, moved or not.
  int pages_ahead() const { return pages_ahead_; }
  const std::filesystem::path& file() const { return database_->file(); }

  /// Deletes the oldest blocks, as long as all of their entries were logged before `logged_before`
  /// and are below `position_below`, until `limit` entries are gone; returns how many are.
  std::int64_t prune(Seconds logged_before, std::uint64_t position_below, std::int64_t limit);

  static std::filesystem::path database_file(const std::filesystem::path& folder);

 private:
  bool write_block(const EntryBatch& batch, std::size_t begin, std::size_t end);
  bool index(std::span<const EntryBatch::Entry> entries);
  bool delete_block(std::uint64_t position);

  int lock_ = -1;  // Of the folder: one writer.
  std::optional<Database> database_;
  std::optional<Statement> begin_;
  std::optional<Statement> commit_;
  std::optional<Statement> insert_;
  std::optional<Statement> insert_payment_;
  std::optional<Statement> insert_payments_;  // Many at once.
  std::optional<Statement> insert_feedback_;
  std::optional<Statement> insert_control_;
  std::uint64_t end_ = 0;  // Position after the last entry.
  int pages_ahead_ = 0;
};

/// The reading side; sees what is committed. Not thread-safe; each thread opens its own.
class JournalReader {
 public:
  /// Throws Error when there is no journal.
  explicit JournalReader(const std::filesystem::path& folder);

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
  std::optional<Record> at(std::uint64_t position);

  Database database_;
  std::int64_t format_;  // Checked before any statement names its columns.
  Statement find_payment_;
  Statement find_feedback_;
  Statement find_block_;
};

}  // namespace weir::journal

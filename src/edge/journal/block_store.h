#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "edge/journal/database.h"
#include "edge/journal/entry_batch.h"

namespace weir::journal {

/// What an acknowledged entry survives. kOs: the end of the process, also by kill -9; the system
/// writes to disk when it likes. kFull: loss of power too; each commit waits for the disk.
enum class Durability { kOs, kFull };

/// The journal's SQLite file `journal.db`, written. A row of `log` is a block of entries; `payment`
/// and `feedback` say where those of a transaction id are, `control` where the control events are.
/// Used by one thread at a time.
class BlockStore {
 public:
  /// Opens or makes the file; one of an earlier format is brought up to date. Throws Error when it
  /// is damaged or of a later format.
  BlockStore(const std::filesystem::path& folder, Durability durability);
  ~BlockStore();
  BlockStore(const BlockStore&) = delete;
  BlockStore& operator=(const BlockStore&) = delete;

  /// Writes all entries in one transaction: all or none. False with `fault` set when the disk is
  /// full or fails; then it may be tried again. Positions must be those after the last entry's.
  bool write(const EntryBatch& batch, std::string& fault);

  /// Deletes the oldest blocks, as long as all of their entries were logged before `logged_before`
  /// and are below `position_below`, until `limit` entries are gone, in one transaction; returns
  /// how many are.
  std::int64_t prune(Seconds logged_before, std::uint64_t position_below, std::int64_t limit);

  /// Moves what is committed from the write-ahead file into the main one where that has grown long.
  /// Never waits for readers, but for the disk.
  void shorten();
  /// The same whatever its length.
  void checkpoint();

  std::uint64_t end_position() const { return end_; }

  static std::filesystem::path file_in(const std::filesystem::path& folder);
  /// Throws Error where this build cannot read the file.
  static void check_format(Database& database);

 private:
  bool write_block(const EntryBatch& batch, std::size_t begin, std::size_t end);
  bool index(std::span<const EntryBatch::Entry> entries);
  bool delete_block(std::uint64_t position, std::uint64_t end);

  std::optional<Database> database_;
  std::optional<Statement> begin_;
  std::optional<Statement> commit_;
  std::optional<Statement> insert_;
  std::optional<Statement> insert_payment_;
  std::optional<Statement> insert_payments_;  // Many at once.
  std::optional<Statement> insert_feedback_;
  std::optional<Statement> insert_control_;
  std::optional<Statement> oldest_;
  std::optional<Statement> read_block_;
  std::optional<Statement> delete_block_;
  std::optional<Statement> delete_payment_;
  std::optional<Statement> delete_payments_;  // Of a range of ids.
  std::optional<Statement> delete_feedback_;
  std::optional<Statement> delete_control_;
  std::uint64_t end_ = 0;  // Position after the last entry.
  int pages_ahead_ = 0;    // In the write-ahead file as of the last commit, moved or not.
};

}  // namespace weir::journal

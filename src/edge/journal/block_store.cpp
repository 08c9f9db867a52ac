#include "edge/journal/block_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/transaction/error.h"
#include "edge/journal/old_format.h"

namespace weir::journal {
namespace {

// 4: as 3, with the newest entries in the tail, which earlier builds would not see.
constexpr int kFormat = 4;
constexpr int kLongFile = 4096;             // Pages of 8 KiB: 32 MiB.
constexpr std::size_t kBlockEntries = 256;  // To find an entry its block is read.

constexpr std::size_t kDense = 4;           // Ids a payment, of a range that is worth a statement.
constexpr std::size_t kIndexedAtOnce = 16;  // A statement's start and end cost more than a row.

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS log(
  position INTEGER PRIMARY KEY,
  entries INTEGER NOT NULL,
  logged_at INTEGER NOT NULL,
  bytes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS payment(
  transaction_id INTEGER PRIMARY KEY,
  position INTEGER);
CREATE TABLE IF NOT EXISTS feedback(
  transaction_id INTEGER NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY(transaction_id, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS control(position INTEGER PRIMARY KEY);
)";

constexpr const char* kEnd = "SELECT position + entries FROM log ORDER BY position DESC LIMIT 1";

std::string insert_payments(std::size_t rows) {
  std::string sql = "INSERT OR REPLACE INTO payment(transaction_id, position) VALUES (?,?)";
  while (--rows > 0) sql += ",(?,?)";
  return sql;
}

bool run(Statement& statement) {
  const int code = statement.try_step();
  statement.reset();
  return code == SQLITE_DONE;
}

}  // namespace

std::filesystem::path BlockStore::file_in(const std::filesystem::path& folder) {
  return folder / "journal.db";
}

BlockStore::BlockStore(const std::filesystem::path& folder, Durability durability) {
  database_.emplace(file_in(folder), Database::Mode::kCreate);
  database_->execute("PRAGMA page_size = 8192");
  database_->execute("PRAGMA journal_mode = WAL");
  database_->execute(durability == Durability::kFull ? "PRAGMA synchronous = FULL"
                                                     : "PRAGMA synchronous = NORMAL");
  // This hook is not SQLite's own: a checkpoint comes after a commit, never inside it.
  sqlite3_wal_hook(
      database_->get(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<BlockStore*>(self)->pages_ahead_ = pages;
        return SQLITE_OK;
      },
      this);
  database_->execute("PRAGMA cache_size = -65536");
  const auto format = database_->query_integer("PRAGMA user_version");
  if (format < 0 || format > kFormat) {
    throw Error(
        fmt::format("journal \"{}\": format {}, this build writes {}; export it with the "
                    "build that wrote it and start a new one",
                    folder.string(), format, kFormat));
  }
  if (format == 1 || format == 2) set_old_rows_aside(*database_);
  database_->execute(kSchema);
  begin_.emplace(*database_, "BEGIN IMMEDIATE");
  commit_.emplace(*database_, "COMMIT");
  insert_.emplace(*database_,
                  "INSERT INTO log(position, entries, logged_at, bytes) VALUES (?1, ?2, ?3, ?4)");
  insert_payment_.emplace(*database_, insert_payments(1));
  insert_payments_.emplace(*database_, insert_payments(kIndexedAtOnce));
  insert_feedback_.emplace(*database_,
                           "INSERT INTO feedback(transaction_id, position) VALUES (?1, ?2)");
  insert_control_.emplace(*database_, "INSERT INTO control(position) VALUES (?1)");
  oldest_.emplace(*database_,
                  "SELECT position, entries, logged_at FROM log ORDER BY position LIMIT 1");
  read_block_.emplace(*database_, "SELECT bytes FROM log WHERE position = ?1");
  delete_block_.emplace(*database_, "DELETE FROM log WHERE position = ?1");
  // An id's row may be of a later position: only what was rejected may be sent again.
  delete_payment_.emplace(
      *database_,
      "DELETE FROM payment WHERE transaction_id = ?1 AND position >= ?2 AND position < ?3");
  delete_payments_.emplace(*database_,
                           "DELETE FROM payment WHERE transaction_id BETWEEN ?1 AND ?4 AND "
                           "position >= ?2 AND position < ?3");
  delete_feedback_.emplace(*database_,
                           "DELETE FROM feedback WHERE transaction_id = ?1 AND position >= ?2 AND "
                           "position < ?3");
  delete_control_.emplace(*database_, "DELETE FROM control WHERE position >= ?2 AND position < ?3");
  end_ = static_cast<std::uint64_t>(database_->query_integer(kEnd));
  if (format == 1 || format == 2) take_old_rows(*database_, *this, end_);
  database_->execute(fmt::format("PRAGMA user_version = {}", kFormat));
}

BlockStore::~BlockStore() {
  for (auto* statement :
       {&begin_, &commit_, &insert_, &insert_payment_, &insert_payments_, &insert_feedback_,
        &insert_control_, &oldest_, &read_block_, &delete_block_, &delete_payment_,
        &delete_payments_, &delete_feedback_, &delete_control_}) {
    statement->reset();
  }
  database_.reset();
}

bool BlockStore::write(const EntryBatch& batch, std::string& fault) {
  const auto failed = [&] {
    fault = database_->message();
    // A full disk has rolled back already; then this one does nothing.
    if (sqlite3_get_autocommit(database_->get()) == 0) database_->try_execute("ROLLBACK");
    return false;
  };
  const auto& entries = batch.entries();
  std::uint64_t next = end_;
  for (const EntryBatch::Entry& entry : entries) {
    if (entry.position >= next) {
      next = entry.position + 1;
      continue;
    }
    fault = fmt::format("entry {} is written already", entry.position);
    return false;
  }
  if (!run(*begin_)) return failed();
  for (std::size_t begin = 0; begin < entries.size();) {
    std::size_t end = begin + 1;
    while (end < entries.size() && end - begin < kBlockEntries &&
           entries[end].position == entries[end - 1].position + 1) {
      ++end;
    }
    if (!write_block(batch, begin, end)) return failed();
    begin = end;
  }
  if (!run(*commit_)) return failed();
  end_ = next;
  return true;
}

bool BlockStore::write_block(const EntryBatch& batch, std::size_t begin, std::size_t end) {
  const auto& entries = batch.entries();
  const std::size_t from = entries[begin].begin;
  const std::size_t to = end < entries.size() ? entries[end].begin : batch.bytes().size();
  insert_->bind(1, static_cast<std::int64_t>(entries[begin].position));
  insert_->bind(2, static_cast<std::int64_t>(end - begin));
  insert_->bind(3, entries[end - 1].logged_at);
  insert_->bind_blob(4, batch.bytes().data() + from, to - from);
  if (!run(*insert_)) return false;
  return index(std::span(entries).subspan(begin, end - begin));
}

bool BlockStore::index(std::span<const EntryBatch::Entry> entries) {
  const auto bind = [](Statement& row, int index, const EntryBatch::Entry& entry) {
    row.bind(index, entry.transaction_id);
    row.bind(index + 1, static_cast<std::int64_t>(entry.position));
  };
  const auto is_payment = [](const EntryBatch::Entry& entry) {
    return entry.kind == RecordKind::kPayment;
  };
  while (!entries.empty()) {
    std::size_t taken = 1;
    bool written = false;
    if (entries.size() >= kIndexedAtOnce &&
        std::ranges::all_of(entries.first(kIndexedAtOnce), is_payment)) {
      taken = kIndexedAtOnce;
      for (std::size_t i = 0; i < taken; ++i) {
        bind(*insert_payments_, static_cast<int>(2 * i) + 1, entries[i]);
      }
      written = run(*insert_payments_);
    } else if (entries[0].kind == RecordKind::kControl) {
      insert_control_->bind(1, static_cast<std::int64_t>(entries[0].position));
      written = run(*insert_control_);
    } else {
      // The newest payment of an id counts: only what was rejected may be sent again.
      Statement& row = is_payment(entries[0]) ? *insert_payment_ : *insert_feedback_;
      bind(row, 1, entries[0]);
      written = run(row);
    }
    if (!written) return false;
    entries = entries.subspan(taken);
  }
  return true;
}

void BlockStore::shorten() {
  if (pages_ahead_ >= kLongFile) checkpoint();
}

void BlockStore::checkpoint() {
  sqlite3_wal_checkpoint_v2(database_->get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

std::int64_t BlockStore::prune(Seconds logged_before,
                               std::uint64_t position_below,
                               std::int64_t limit) {
  std::int64_t pruned = 0;
  bool open = false;
  bool failed = false;
  while (pruned < limit && !failed) {
    if (oldest_->try_step() != SQLITE_ROW) break;
    const auto position = static_cast<std::uint64_t>(oldest_->integer(0));
    const std::int64_t entries = oldest_->integer(1);
    const std::uint64_t end = position + static_cast<std::uint64_t>(entries);
    const bool old = oldest_->integer(2) < logged_before && end <= position_below;
    oldest_->reset();
    if (!old) break;
    if (!open) failed = !(open = run(*begin_));
    if (!failed) failed = !delete_block(position, end);
    pruned += entries;
  }
  oldest_->reset();
  if (open && !failed) failed = !run(*commit_);
  if (!failed) return pruned;
  if (sqlite3_get_autocommit(database_->get()) == 0) database_->try_execute("ROLLBACK");
  return 0;
}

bool BlockStore::delete_block(std::uint64_t position, std::uint64_t end) {
  const auto remove = [&](Statement& statement, std::int64_t id) {
    statement.bind(1, id);
    statement.bind(2, static_cast<std::int64_t>(position));
    statement.bind(3, static_cast<std::int64_t>(end));
    return run(statement);
  };
  read_block_->bind(1, static_cast<std::int64_t>(position));
  if (read_block_->try_step() != SQLITE_ROW) {
    read_block_->reset();
    return false;
  }
  std::vector<std::int64_t> payments;
  bool removed = true;
  for (EntryReader reader(read_block_->bytes(0), position); removed && !reader.done();) {
    const EntryReader::Head entry = reader.head();
    if (entry.kind == RecordKind::kPayment) payments.push_back(entry.transaction_id);
    if (entry.kind == RecordKind::kFeedback) {
      removed = remove(*delete_feedback_, entry.transaction_id);
    }
    if (entry.kind == RecordKind::kControl) {
      removed = remove(*delete_control_, 0);
    }
  }
  read_block_->reset();
  if (!removed) return false;
  if (!payments.empty()) {
    const auto [least, greatest] = std::ranges::minmax(payments);
    const std::uint64_t span =
        static_cast<std::uint64_t>(greatest) - static_cast<std::uint64_t>(least);
    // Ids that follow one another lie side by side.
    if (span < kDense * payments.size()) {
      delete_payments_->bind(4, greatest);
      removed = remove(*delete_payments_, least);
    } else {
      for (const std::int64_t id : payments) removed = removed && remove(*delete_payment_, id);
    }
  }
  delete_block_->bind(1, static_cast<std::int64_t>(position));
  return removed && run(*delete_block_);
}

void BlockStore::check_format(Database& database) {
  const auto format = database.query_integer("PRAGMA user_version");
  if (format == kFormat || format == kFormat - 1) return;
  throw Error(
      fmt::format("journal \"{}\": format {}, this build reads {}; start weir serve on it once, "
                  "which brings it up to date",
                  database.file().string(), format, kFormat));
}

}  // namespace weir::journal

#include "edge/journal/block_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/transaction/error.h"
#include "edge/journal/old_format.h"

namespace weir::journal {
namespace {

// 4: as 3, with the newest entries in the tail, which earlier builds would not see.
constexpr int kFormat = 4;
constexpr int kLongFile = 4096;             // Pages of 8 KiB: 32 MiB.
constexpr std::size_t kBlockEntries = 256;  // To find an entry its block is read.

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
  end_ = static_cast<std::uint64_t>(database_->query_integer(kEnd));
  if (format == 1 || format == 2) take_old_rows(*database_, *this, end_);
  database_->execute(fmt::format("PRAGMA user_version = {}", kFormat));
}

BlockStore::~BlockStore() {
  for (auto* statement : {&begin_, &commit_, &insert_, &insert_payment_, &insert_payments_,
                          &insert_feedback_, &insert_control_}) {
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
  Statement oldest(*database_,
                   "SELECT position, entries, logged_at FROM log ORDER BY position LIMIT 1");
  std::int64_t pruned = 0;
  while (pruned < limit) {
    if (oldest.try_step() != SQLITE_ROW) break;
    const auto position = static_cast<std::uint64_t>(oldest.integer(0));
    const std::int64_t entries = oldest.integer(1);
    const bool old = oldest.integer(2) < logged_before &&
                     position + static_cast<std::uint64_t>(entries) <= position_below;
    oldest.reset();
    if (!old) break;
    if (!run(*begin_)) break;
    if (!delete_block(position) || !run(*commit_)) {
      if (sqlite3_get_autocommit(database_->get()) == 0) database_->try_execute("ROLLBACK");
      break;
    }
    pruned += entries;
  }
  return pruned;
}

bool BlockStore::delete_block(std::uint64_t position) {
  const auto remove = [this](const char* sql, std::int64_t first, std::int64_t second) {
    Statement statement(*database_, sql);
    statement.bind(1, first);
    if (second >= 0) statement.bind(2, second);
    return run(statement);
  };
  Statement block(*database_, "SELECT bytes FROM log WHERE position = ?1");
  block.bind(1, static_cast<std::int64_t>(position));
  if (block.try_step() != SQLITE_ROW) return false;
  for (EntryReader reader(block.bytes(0), position); !reader.done();) {
    const Record record = reader.next();
    const auto at = static_cast<std::int64_t>(record.position);
    const std::int64_t id = record.payment.transaction_id;
    const bool removed =
        record.kind == RecordKind::kControl
            ? remove("DELETE FROM control WHERE position = ?1", at, -1)
        : record.kind == RecordKind::kPayment
            ? remove("DELETE FROM payment WHERE transaction_id = ?1 AND position = ?2", id, at)
            : remove("DELETE FROM feedback WHERE transaction_id = ?1 AND position = ?2", id, at);
    if (!removed) return false;
  }
  block.reset();
  return remove("DELETE FROM log WHERE position = ?1", static_cast<std::int64_t>(position), -1);
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

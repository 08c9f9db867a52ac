#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/transaction/error.h"
#include "edge/journal/journal.h"

namespace weir::journal {
namespace {

constexpr const char* kEnd = "SELECT position + entries FROM log ORDER BY position DESC LIMIT 1";

Database open_existing(const std::filesystem::path& folder) {
  const auto file = BlockStore::file_in(folder);
  if (!std::filesystem::exists(file)) {
    throw Error(fmt::format(
        "journal \"{}\": no journal.db there; wanted the --journal folder of weir serve",
        folder.string()));
  }
  Database database(file, Database::Mode::kReadOnly);
  // Before any statement names its columns.
  BlockStore::check_format(database);
  return database;
}

}  // namespace

JournalReader::JournalReader(const std::filesystem::path& folder)
    : JournalReader(folder, static_cast<const Unfiled*>(nullptr)) {}

JournalReader::JournalReader(const std::filesystem::path& folder, const Journal& journal)
    : JournalReader(folder, &journal.unfiled()) {}

JournalReader::JournalReader(const std::filesystem::path& folder, const Unfiled* unfiled)
    : database_(open_existing(folder)),
      unfiled_(unfiled),
      find_payment_(database_, "SELECT position FROM payment WHERE transaction_id = ?1"),
      find_feedback_(database_,
                     "SELECT position FROM feedback WHERE transaction_id = ?1 ORDER BY position"),
      find_block_(database_,
                  "SELECT position, bytes FROM log WHERE position <= ?1 ORDER BY position DESC "
                  "LIMIT 1") {
  if (unfiled != nullptr) return;
  const auto tail = Tail::read(folder, [this] { return filed_end(); });
  of_tail_.emplace();
  of_tail_->add(tail.bytes, tail.position);
  unfiled_ = &*of_tail_;
}

std::uint64_t JournalReader::filed_end() {
  return static_cast<std::uint64_t>(database_.query_integer(kEnd));
}

// What is unfiled is always looked at first: it goes to SQLite and never back.

std::uint64_t JournalReader::end_position() {
  const auto newest = unfiled_->newest();
  return std::max(newest ? newest->position + 1 : 0, filed_end());
}

std::optional<std::uint64_t> JournalReader::first_position() {
  const auto oldest = unfiled_->oldest();
  const auto first = database_.query_integer("SELECT coalesce(min(position), -1) FROM log");
  if (first >= 0) return static_cast<std::uint64_t>(first);
  return oldest ? std::optional(oldest->position) : std::nullopt;
}

Seconds JournalReader::last_logged_at() {
  if (const auto newest = unfiled_->newest()) return newest->logged_at;
  return database_.query_integer("SELECT logged_at FROM log ORDER BY position DESC LIMIT 1");
}

std::int64_t JournalReader::max_transaction_id() {
  return std::max(unfiled_->max_transaction_id(),
                  database_.query_integer("SELECT coalesce(max(transaction_id), -1) FROM payment"));
}

std::optional<Record> JournalReader::at(std::uint64_t position) {
  find_block_.bind(1, static_cast<std::int64_t>(position));
  std::optional<Record> found;
  if (find_block_.step()) {
    EntryReader reader(find_block_.bytes(1), static_cast<std::uint64_t>(find_block_.integer(0)));
    while (!reader.done() && reader.position() < position) reader.skip();
    if (!reader.done()) found = reader.next();
  }
  find_block_.reset();
  return found;
}

std::optional<Control> JournalReader::control_before(std::uint64_t position) {
  if (const auto newest = unfiled_->control_before(position)) return newest->control;
  Statement statement(database_,
                      "SELECT position FROM control WHERE position < ?1 ORDER BY position DESC "
                      "LIMIT 1");
  statement.bind(1, static_cast<std::int64_t>(position));
  if (!statement.step()) return std::nullopt;
  const auto record = at(static_cast<std::uint64_t>(statement.integer(0)));
  return record ? std::optional(record->control) : std::nullopt;
}

std::optional<Record> JournalReader::find_payment(std::int64_t transaction_id) {
  auto found = unfiled_->find_payment(transaction_id);
  if (found) return found;
  find_payment_.bind(1, transaction_id);
  if (find_payment_.step()) found = at(static_cast<std::uint64_t>(find_payment_.integer(0)));
  find_payment_.reset();
  return found;
}

std::vector<Record> JournalReader::find_feedback(std::int64_t transaction_id) {
  auto newest = unfiled_->find_feedback(transaction_id);
  std::vector<Record> found;
  find_feedback_.bind(1, transaction_id);
  while (find_feedback_.step()) {
    if (auto record = at(static_cast<std::uint64_t>(find_feedback_.integer(0)))) {
      found.push_back(*std::move(record));
    }
  }
  find_feedback_.reset();
  for (Record& record : newest) {
    if (found.empty() || record.position > found.back().position) {
      found.push_back(std::move(record));
    }
  }
  return found;
}

void JournalReader::read(std::uint64_t from,
                         std::uint64_t to,
                         const std::function<bool(const Record&)>& visit) {
  const std::vector<Record> newest = unfiled_->range(from, to);
  Statement statement(
      database_,
      "SELECT position, bytes FROM log WHERE position >= coalesce((SELECT max(position) FROM log "
      "WHERE position <= ?1), 0) AND position < ?2 ORDER BY position");
  statement.bind(1, static_cast<std::int64_t>(from));
  statement.bind(2, static_cast<std::int64_t>(to));
  while (statement.step()) {
    EntryReader reader(statement.bytes(1), static_cast<std::uint64_t>(statement.integer(0)));
    while (!reader.done() && reader.position() < from) reader.skip();
    while (!reader.done() && reader.position() < to) {
      if (!visit(reader.next())) return;
    }
    from = std::max(from, reader.position());
  }
  for (const Record& record : newest) {
    if (record.position >= from && !visit(record)) return;
  }
}

}  // namespace weir::journal

#include "edge/journal/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/transaction/error.h"

namespace weir::journal {
namespace {

constexpr int kFormat = 2;

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS model(
  number INTEGER PRIMARY KEY,
  version TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS log(
  position INTEGER PRIMARY KEY,
  logged_at INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  transaction_id INTEGER NOT NULL,
  event_time INTEGER NOT NULL,
  customer_id INTEGER NOT NULL,
  terminal_id INTEGER NOT NULL,
  amount_minor INTEGER NOT NULL,
  outcome INTEGER,
  source INTEGER,
  known_at INTEGER,
  note TEXT,
  rejected TEXT,
  action INTEGER,
  late INTEGER,
  margin REAL,
  probability REAL,
  degraded INTEGER,
  model INTEGER,
  arm TEXT,
  reasons TEXT,
  features BLOB,
  score REAL,
  cause INTEGER,
  review INTEGER,
  audit_probability REAL,
  beliefs BLOB,
  challenged INTEGER,
  shadow_model INTEGER,
  shadow_action INTEGER,
  shadow_probability REAL,
  multiplier REAL,
  answered REAL,
  fraud_passes REAL,
  damage_minor INTEGER);
CREATE INDEX IF NOT EXISTS log_by_transaction ON log(transaction_id);
CREATE INDEX IF NOT EXISTS log_controls ON log(position) WHERE kind = 2;
)";

// What format 2 added; a format 1 journal knew neither beliefs nor a second model.
constexpr const char* kAddedColumns[] = {"score REAL",
                                         "cause INTEGER",
                                         "review INTEGER",
                                         "audit_probability REAL",
                                         "beliefs BLOB",
                                         "challenged INTEGER",
                                         "shadow_model INTEGER",
                                         "shadow_action INTEGER",
                                         "shadow_probability REAL",
                                         "multiplier REAL",
                                         "answered REAL",
                                         "fraud_passes REAL",
                                         "damage_minor INTEGER"};

constexpr std::string_view kColumns =
    "position, logged_at, kind, transaction_id, event_time, customer_id, terminal_id, "
    "amount_minor, outcome, source, known_at, note, rejected, action, late, margin, probability, "
    "degraded, model, arm, reasons, features, score, cause, review, audit_probability, beliefs, "
    "challenged, shadow_model, shadow_action, shadow_probability, multiplier, answered, "
    "fraud_passes, damage_minor";

void put_beliefs(Statement& row, int index, const DecisionBeliefs& beliefs) {
  if (!beliefs.known()) return row.bind_null(index);
  const float values[] = {beliefs.model, beliefs.takeover, beliefs.card, beliefs.terminal};
  row.bind_blob_copy(index, values, sizeof(values));
}

DecisionBeliefs get_beliefs(std::string_view bytes) {
  DecisionBeliefs beliefs;
  float values[4];
  if (bytes.size() != sizeof(values)) return beliefs;
  std::memcpy(values, bytes.data(), sizeof(values));
  return {values[0], values[1], values[2], values[3]};
}

}  // namespace

Durability parse_durability(std::string_view word) {
  if (word == "os") return Durability::kOs;
  if (word == "full") return Durability::kFull;
  throw UsageError(fmt::format(
      "--durability is \"{}\", wanted os (survives the end of the process) or full (survives a "
      "power cut)",
      word));
}

std::filesystem::path Journal::database_file(const std::filesystem::path& folder) {
  return folder / "journal.db";
}

Journal::Journal(const std::filesystem::path& folder, Durability durability) {
  std::error_code error;
  // Payments are nobody else's to read.
  if (std::filesystem::create_directories(folder, error)) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  const std::filesystem::path lock = folder / "lock";
  lock_ = open(lock.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (lock_ < 0) {
    throw Error(fmt::format("journal \"{}\": {}; choose a folder that can be written",
                            folder.string(), std::strerror(errno)));
  }
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    close(lock_);
    throw Error(
        fmt::format("journal \"{}\": another weir serve writes to it; stop that one or "
                    "choose another --journal",
                    folder.string()));
  }
  database_.emplace(database_file(folder), Database::Mode::kCreate);
  database_->execute("PRAGMA page_size = 8192");
  database_->execute("PRAGMA journal_mode = WAL");
  database_->execute(durability == Durability::kFull ? "PRAGMA synchronous = FULL"
                                                     : "PRAGMA synchronous = NORMAL");
  // Checkpoints are taken between rounds, never inside a commit.
  database_->execute("PRAGMA wal_autocheckpoint = 0");
  database_->execute("PRAGMA cache_size = -65536");
  const auto format = database_->query_integer("PRAGMA user_version");
  if (format != 0 && format != 1 && format != kFormat) {
    throw Error(
        fmt::format("journal \"{}\": format {}, this build writes {}; export it with the "
                    "build that wrote it and start a new one",
                    folder.string(), format, kFormat));
  }
  if (format == 1) {
    for (const char* column : kAddedColumns) {
      // A column that is there already: an upgrade was cut short.
      const std::string name(column, std::strchr(column, ' '));
      if (database_->query_integer(fmt::format(
              "SELECT count(*) FROM pragma_table_info('log') WHERE name = '{}'", name)) == 0) {
        database_->execute(fmt::format("ALTER TABLE log ADD COLUMN {}", column));
      }
    }
  }
  database_->execute(kSchema);
  database_->execute(fmt::format("PRAGMA user_version = {}", kFormat));
  begin_.emplace(*database_, "BEGIN IMMEDIATE");
  commit_.emplace(*database_, "COMMIT");
  insert_.emplace(*database_, fmt::format("INSERT INTO log({}) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,"
                                          "?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,"
                                          "?24,?25,?26,?27,?28,?29,?30,?31,?32,?33,?34,?35)",
                                          kColumns));
  insert_model_.emplace(*database_, "INSERT OR IGNORE INTO model(version) VALUES (?1)");
}

Journal::~Journal() {
  begin_.reset();
  commit_.reset();
  insert_.reset();
  insert_model_.reset();
  database_.reset();
  if (lock_ >= 0) close(lock_);
}

std::int64_t Journal::model_number(const std::string& version) {
  const auto known = models_.find(version);
  if (known != models_.end()) return known->second;
  insert_model_->bind_text(1, version);
  insert_model_->try_step();
  insert_model_->reset();
  Statement find(*database_, "SELECT number FROM model WHERE version = ?1");
  find.bind_text(1, version);
  if (!find.step()) return -1;
  return models_[version] = find.integer(0);
}

int Journal::insert(const Record& record) {
  Statement& row = *insert_;
  row.clear();  // What is not bound below is null.
  const auto bind_text = [&](int index, const std::string& text) {
    if (!text.empty()) row.bind_text(index, text);
  };
  row.bind(1, static_cast<std::int64_t>(record.position));
  row.bind(2, record.logged_at);
  row.bind(3, static_cast<std::int64_t>(record.kind));
  row.bind(4, record.payment.transaction_id);
  row.bind(5, record.payment.event_time);
  row.bind(6, record.payment.customer_id);
  row.bind(7, record.payment.terminal_id);
  row.bind(8, record.payment.amount_minor);
  bind_text(12, record.note);
  bind_text(13, record.rejected);
  bind_text(20, record.arm);
  bind_text(21, record.reasons);
  if (!record.features.empty()) {
    row.bind_blob(22, record.features.data(), record.features.size() * sizeof(float));
  }
  put_beliefs(row, 27, record.beliefs);
  switch (record.kind) {
    case RecordKind::kFeedback:
      row.bind(9, static_cast<std::int64_t>(record.outcome));
      row.bind(10, static_cast<std::int64_t>(record.source));
      row.bind(11, record.known_at);
      row.bind(28, std::int64_t{record.challenged});
      row.bind(35, record.damage_minor);
      break;
    case RecordKind::kControl:
      row.bind(19, model_number(record.model));
      row.bind(32, record.control.multiplier);
      row.bind(33, record.control.answered);
      row.bind(34, record.control.fraud_passes);
      break;
    case RecordKind::kPayment:
      if (record.rejected.empty()) bind_decision(row, record);
      break;
  }
  const int code = row.try_step();
  row.reset();
  return code;
}

void Journal::bind_decision(Statement& row, const Record& record) {
  row.bind(14, static_cast<std::int64_t>(record.action));
  row.bind(15, std::int64_t{record.late});
  row.bind(16, static_cast<double>(record.margin));
  row.bind(17, record.probability);
  row.bind(18, std::int64_t{record.degraded});
  row.bind(19, model_number(record.model));
  row.bind(23, static_cast<double>(record.score));
  if (record.beliefs.known()) {
    row.bind(24, static_cast<std::int64_t>(record.cause));
    row.bind(25, std::int64_t{record.review});
    row.bind(26, static_cast<double>(record.audit_probability));
  }
  if (!record.shadow_model.empty()) {
    row.bind(29, model_number(record.shadow_model));
    row.bind(30, static_cast<std::int64_t>(record.shadow_action));
    row.bind(31, record.shadow_probability);
  }
}

bool Journal::write(std::span<const Record> records, std::string& fault) {
  const auto failed = [&] {
    fault = database_->message();
    // A full disk has rolled back already; then this one does nothing.
    if (sqlite3_get_autocommit(database_->get()) == 0) database_->try_execute("ROLLBACK");
    models_.clear();  // Numbers given inside the transaction are gone.
    return false;
  };
  const auto run = [](Statement& statement) {
    const int code = statement.try_step();
    statement.reset();
    return code == SQLITE_DONE;
  };
  if (!run(*begin_)) return failed();
  for (const Record& record : records) {
    if (insert(record) != SQLITE_DONE) return failed();
  }
  if (!run(*commit_)) return failed();
  return true;
}

void Journal::checkpoint() {
  sqlite3_wal_checkpoint_v2(database_->get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

std::int64_t Journal::prune(Seconds logged_before, std::uint64_t position_below, int limit) {
  Statement statement(*database_,
                      "DELETE FROM log WHERE position IN (SELECT position FROM log WHERE position "
                      "< ?1 AND logged_at < ?2 ORDER BY position LIMIT ?3)");
  statement.bind(1, static_cast<std::int64_t>(position_below));
  statement.bind(2, logged_before);
  statement.bind(3, std::int64_t{limit});
  if (statement.try_step() != SQLITE_DONE) return 0;
  return sqlite3_changes(database_->get());
}

namespace {

std::int64_t check_format(Database& database) {
  const auto format = database.query_integer("PRAGMA user_version");
  if (format == kFormat) return format;
  throw Error(
      fmt::format("journal \"{}\": format {}, this build reads {}; start weir serve on it once, "
                  "which brings it up to date",
                  database.file().string(), format, kFormat));
}

}  // namespace

JournalReader::JournalReader(const std::filesystem::path& folder)
    : database_(
          [&] {
            const auto file = Journal::database_file(folder);
            if (!std::filesystem::exists(file)) {
              throw Error(
                  fmt::format("journal \"{}\": no journal.db there; wanted the --journal "
                              "folder of weir serve",
                              folder.string()));
            }
            return file;
          }(),
          Database::Mode::kReadOnly),
      format_(check_format(database_)),
      find_(
          database_,
          fmt::format("SELECT {} FROM log WHERE transaction_id = ?1 ORDER BY position", kColumns)) {
  load_models();
}

void JournalReader::load_models() {
  Statement statement(database_, "SELECT number, version FROM model");
  while (statement.step()) models_[statement.integer(0)] = statement.bytes(1);
}

std::uint64_t JournalReader::end_position() {
  return static_cast<std::uint64_t>(
      database_.query_integer("SELECT coalesce(max(position), -1) + 1 FROM log"));
}

std::optional<std::uint64_t> JournalReader::first_position() {
  const auto first = database_.query_integer("SELECT coalesce(min(position), -1) FROM log");
  if (first < 0) return std::nullopt;
  return static_cast<std::uint64_t>(first);
}

Seconds JournalReader::last_logged_at() {
  return database_.query_integer(
      "SELECT logged_at FROM log WHERE position = (SELECT max(position) FROM log)");
}

std::int64_t JournalReader::max_transaction_id() {
  return database_.query_integer("SELECT coalesce(max(transaction_id), -1) FROM log");
}

Record JournalReader::to_record(Statement& row) {
  Record record;
  record.position = static_cast<std::uint64_t>(row.integer(0));
  record.logged_at = row.integer(1);
  record.kind = static_cast<RecordKind>(row.integer(2));
  record.payment = {row.integer(3), row.integer(4), row.integer(5), row.integer(6), row.integer(7)};
  record.note = row.bytes(11);
  record.rejected = row.bytes(12);
  if (record.kind == RecordKind::kFeedback) {
    record.outcome = static_cast<Outcome>(row.integer(8));
    record.source = static_cast<OutcomeSource>(row.integer(9));
    record.known_at = row.integer(10);
    record.beliefs = get_beliefs(row.bytes(26));
    record.challenged = row.integer(27) != 0;
    record.damage_minor = row.integer(34);
    return record;
  }
  if (record.kind == RecordKind::kControl) {
    record.model = model_of(row.integer(18));
    record.control = {record.logged_at, row.real(31), row.real(32), row.real(33)};
    return record;
  }
  if (!record.rejected.empty()) return record;
  record.action = static_cast<Action>(row.integer(13));
  record.late = row.integer(14) != 0;
  record.margin = static_cast<float>(row.real(15));
  record.probability = row.real(16);
  record.degraded = static_cast<std::uint8_t>(row.integer(17));
  record.model = model_of(row.integer(18));
  record.arm = row.bytes(19);
  record.reasons = row.bytes(20);
  const std::string_view features = row.bytes(21);
  record.features.resize(features.size() / sizeof(float));
  if (!features.empty()) std::memcpy(record.features.data(), features.data(), features.size());
  // Before format 2 the score was the margin.
  record.score = row.is_null(22) ? record.margin : static_cast<float>(row.real(22));
  record.cause = static_cast<Cause>(row.integer(23));
  record.review = row.integer(24) != 0;
  record.audit_probability = static_cast<float>(row.real(25));
  record.beliefs = get_beliefs(row.bytes(26));
  if (!row.is_null(28)) {
    record.shadow_model = model_of(row.integer(28));
    record.shadow_action = static_cast<Action>(row.integer(29));
    record.shadow_probability = row.real(30);
  }
  return record;
}

const std::string& JournalReader::model_of(std::int64_t number) {
  if (!models_.contains(number)) load_models();
  return models_[number];
}

std::optional<Control> JournalReader::control_before(std::uint64_t position) {
  Statement statement(database_,
                      fmt::format("SELECT {} FROM log WHERE kind = 2 AND position < ?1 ORDER BY "
                                  "position DESC LIMIT 1",
                                  kColumns));
  statement.bind(1, static_cast<std::int64_t>(position));
  if (!statement.step()) return std::nullopt;
  return to_record(statement).control;
}

std::optional<Record> JournalReader::find_payment(std::int64_t transaction_id) {
  find_.bind(1, transaction_id);
  std::optional<Record> found;
  while (find_.step()) {
    if (find_.integer(2) == static_cast<int>(RecordKind::kPayment)) found = to_record(find_);
  }
  find_.reset();
  return found;
}

std::vector<Record> JournalReader::find_feedback(std::int64_t transaction_id) {
  find_.bind(1, transaction_id);
  std::vector<Record> found;
  while (find_.step()) {
    if (find_.integer(2) == static_cast<int>(RecordKind::kFeedback)) {
      found.push_back(to_record(find_));
    }
  }
  find_.reset();
  return found;
}

void JournalReader::read(std::uint64_t from,
                         std::uint64_t to,
                         const std::function<bool(const Record&)>& visit) {
  Statement statement(
      database_, fmt::format("SELECT {} FROM log WHERE position >= ?1 AND position < ?2 ORDER BY "
                             "position",
                             kColumns));
  statement.bind(1, static_cast<std::int64_t>(from));
  statement.bind(2, static_cast<std::int64_t>(to));
  while (statement.step()) {
    if (!visit(to_record(statement))) return;
  }
}

}  // namespace weir::journal

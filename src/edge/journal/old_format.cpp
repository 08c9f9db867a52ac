#include "edge/journal/old_format.h"

#include <fmt/format.h>

#include <cstring>
#include <map>

#include "core/transaction/error.h"

namespace weir::journal {
namespace {

constexpr std::int64_t kRowsAtOnce = 4096;

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

DecisionBeliefs get_beliefs(std::string_view bytes) {
  DecisionBeliefs beliefs;
  float values[4];
  if (bytes.size() != sizeof(values)) return beliefs;
  std::memcpy(values, bytes.data(), sizeof(values));
  return {values[0], values[1], values[2], values[3]};
}

class OldRows {
 public:
  explicit OldRows(Database& database)
      : rows_(database,
              fmt::format("SELECT {} FROM old_log WHERE position >= ?1 ORDER BY position LIMIT ?2",
                          kColumns)) {
    Statement models(database, "SELECT number, version FROM model");
    while (models.step()) models_[models.integer(0)] = models.bytes(1);
  }

  EntryBatch read(std::uint64_t from) {
    EntryBatch batch;
    rows_.bind(1, static_cast<std::int64_t>(from));
    rows_.bind(2, kRowsAtOnce);
    while (rows_.step()) batch.add(to_record(rows_));
    rows_.reset();
    return batch;
  }

 private:
  const std::string& model_of(std::int64_t number) { return models_[number]; }

  Record to_record(Statement& row) {
    Record record;
    record.position = static_cast<std::uint64_t>(row.integer(0));
    record.logged_at = row.integer(1);
    record.kind = static_cast<RecordKind>(row.integer(2));
    record.payment = {row.integer(3), row.integer(4), row.integer(5), row.integer(6),
                      row.integer(7)};
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

  Statement rows_;
  std::map<std::int64_t, std::string> models_;
};

bool has(Database& database, std::string_view table, std::string_view column) {
  return database.query_integer(fmt::format(
             "SELECT count(*) FROM pragma_table_info('{}') WHERE name = '{}'", table, column)) != 0;
}

}  // namespace

void set_old_rows_aside(Database& database) {
  // Done already: an upgrade was cut short.
  if (has(database, "log", "kind")) database.execute("ALTER TABLE log RENAME TO old_log");
  if (!has(database, "old_log", "kind")) return;
  for (const char* column : kAddedColumns) {
    const std::string_view name(column, std::strchr(column, ' '));
    if (has(database, "old_log", name)) continue;
    database.execute(fmt::format("ALTER TABLE old_log ADD COLUMN {}", column));
  }
}

void take_old_rows(Database& database, BlockStore& journal, std::uint64_t from) {
  if (!has(database, "old_log", "kind")) return;
  {
    OldRows rows(database);
    for (;;) {
      const EntryBatch batch = rows.read(from);
      if (batch.empty()) break;
      std::string fault;
      if (!journal.write(batch, fault)) {
        throw Error(fmt::format(
            "journal \"{}\": bringing it up to date: {}; make room on the disk and start again",
            database.file().string(), fault));
      }
      journal.checkpoint();
      from = batch.entries().back().position + 1;
    }
  }
  database.execute("DROP TABLE old_log; DROP TABLE IF EXISTS model");
}

}  // namespace weir::journal

#include "edge/journal/journal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/transaction/error.h"
#include "edge/journal/file_size_limit.h"

namespace weir::journal {
namespace {

class JournalTest : public ::testing::Test {
 protected:
  JournalTest()
      : folder(std::filesystem::temp_directory_path() /
               ("weir_journal_test_" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder);
  }
  ~JournalTest() override { std::filesystem::remove_all(folder); }

  static Record decided(std::uint64_t position) {
    Record record;
    record.position = position;
    record.logged_at = 1000 + static_cast<Seconds>(position);
    record.payment = {static_cast<std::int64_t>(position) * 10, 1'566'466'952, 7, 9, 4071};
    record.action = Action::kChallenge;
    record.late = position % 2 == 1;
    record.margin = 0.1F;  // No decimal fraction is exact: the bits must come back.
    record.probability = 1.0 / 3;
    record.score = 0.7F;
    record.cause = Cause::kAudit;
    record.review = true;
    record.audit_probability = 0.3F;
    record.beliefs = {0.1F, 0.2F, 0.3F, 0.4F};
    record.shadow_model = "cccc";
    record.shadow_action = Action::kDecline;
    record.shadow_probability = 2.0 / 3;
    record.model = position < 2 ? "aaaa" : "bbbb";
    record.arm = "champion";
    record.reasons = "[]";
    record.features = {1.5F, -0.0F, 3e38F};
    return record;
  }
  static Record feedback(std::uint64_t position, std::int64_t transaction_id) {
    Record record;
    record.position = position;
    record.logged_at = 2000;
    record.kind = RecordKind::kFeedback;
    record.payment = {transaction_id, 1'566'466'952, 7, 9, 4071};
    record.outcome = Outcome::kFraud;
    record.source = OutcomeSource::kAnalyst;
    record.known_at = 1999;
    record.note = "called the cardholder";
    return record;
  }

  std::filesystem::path folder;
  std::string fault;
};

TEST_F(JournalTest, GivesBackWhatWasWritten) {
  Record rejected;
  rejected.position = 4;
  rejected.rejected = "time_in_future";
  const std::vector<Record> written = {decided(0), decided(1), decided(2), feedback(3, 10),
                                       rejected};
  {
    Journal journal(folder, Durability::kOs);
    ASSERT_TRUE(journal.write(EntryBatch(written), fault)) << fault;
  }
  JournalReader reader(folder);
  std::vector<Record> read;
  reader.read(0, 100, [&](const Record& record) {
    read.push_back(record);
    return true;
  });
  EXPECT_EQ(read, written);
  EXPECT_EQ(reader.end_position(), 5);
  EXPECT_EQ(reader.first_position(), 0);
  EXPECT_EQ(reader.find_payment(20), written[2]);
  EXPECT_EQ(reader.find_payment(21), std::nullopt);
  EXPECT_EQ(reader.find_feedback(10), std::vector{written[3]});
  EXPECT_EQ(reader.max_transaction_id(), 20);
}

TEST_F(JournalTest, FindsTheControlEventInForce) {
  Journal journal(folder, Durability::kOs);
  Record control;
  control.kind = RecordKind::kControl;
  control.position = 1;
  control.logged_at = 1001;
  control.payment.transaction_id = -1;
  control.model = "aaaa";
  control.control = {1001, 1.1, 0.75, 0.012};
  ASSERT_TRUE(journal.write(EntryBatch(std::vector{decided(0), control, decided(2)}), fault))
      << fault;
  JournalReader reader(folder);
  EXPECT_EQ(reader.control_before(1), std::nullopt);
  EXPECT_EQ(reader.control_before(3), control.control);
  reader.read(1, 2, [&](const Record& record) {
    EXPECT_EQ(record, control);
    return true;
  });
}

TEST_F(JournalTest, BringsTheFirstFormatUpToDate) {
  std::filesystem::create_directories(folder);
  {
    Database old(BlockStore::file_in(folder), Database::Mode::kCreate);
    old.execute(
        "CREATE TABLE model(number INTEGER PRIMARY KEY, version TEXT NOT NULL UNIQUE);"
        "CREATE TABLE log(position INTEGER PRIMARY KEY, logged_at, kind, transaction_id, "
        "event_time, customer_id, terminal_id, amount_minor, outcome, source, known_at, note, "
        "rejected, action, late, margin, probability, degraded, model, arm, reasons, features);"
        "INSERT INTO model VALUES (1, 'aaaa');"
        "INSERT INTO log(position, logged_at, kind, transaction_id, event_time, customer_id, "
        "terminal_id, amount_minor, action, late, margin, probability, degraded, model, arm) "
        "VALUES (0, 1000, 0, 5, 900, 1, 2, 300, 2, 0, 1.5, 0.25, 0, 1, 'champion');"
        "PRAGMA user_version = 1");
  }
  EXPECT_THROW(JournalReader reader(folder), Error);
  Journal journal(folder, Durability::kOs);
  ASSERT_TRUE(journal.write(EntryBatch(std::vector{decided(1)}), fault)) << fault;
  JournalReader reader(folder);
  const auto old = reader.find_payment(5);
  ASSERT_TRUE(old.has_value());
  EXPECT_EQ(old->score, 1.5F);
  EXPECT_EQ(old->action, Action::kDecline);
  EXPECT_FALSE(old->beliefs.known());
}

TEST_F(JournalTest, GoesOnWithAnUpgradeThatWasCutShort) {
  std::filesystem::create_directories(folder);
  {
    Database old(BlockStore::file_in(folder), Database::Mode::kCreate);
    old.execute(
        "CREATE TABLE model(number INTEGER PRIMARY KEY, version TEXT NOT NULL UNIQUE);"
        "CREATE TABLE old_log(position INTEGER PRIMARY KEY, logged_at, kind, transaction_id, "
        "event_time, customer_id, terminal_id, amount_minor, outcome, source, known_at, note, "
        "rejected, action, late, margin, probability, degraded, model, arm, reasons, features);"
        "INSERT INTO model VALUES (1, 'aaaa');"
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) "
        "INSERT INTO old_log(position, logged_at, kind, transaction_id, event_time, customer_id, "
        "terminal_id, amount_minor, margin, probability, model) "
        "SELECT i, 1000 + i, 0, i + 50, 900, 1, 2, i, 0.5, 0.25, 1 FROM n;"
        "PRAGMA user_version = 2");
  }
  EXPECT_THROW(JournalReader reader(folder), Error);
  Journal(folder, Durability::kOs);
  JournalReader reader(folder);
  std::int64_t amount = 0;
  reader.read(3, 9'990, [&](const Record& record) {
    EXPECT_EQ(record.payment.amount_minor, static_cast<std::int64_t>(record.position));
    amount += record.payment.amount_minor;
    return true;
  });
  EXPECT_EQ(amount, 9'989 * 9'990 / 2 - 3);
  EXPECT_EQ(reader.find_payment(9'049)->position, 8'999);
  EXPECT_EQ(reader.find_payment(9'049)->model, "aaaa");
  EXPECT_EQ(reader.end_position(), 10'000);
}

TEST_F(JournalTest, NamesAnEntryThatIsDamaged) {
  Journal journal(folder, Durability::kOs);
  ASSERT_TRUE(journal.write(EntryBatch(std::vector{decided(0), decided(1)}), fault)) << fault;
  ASSERT_TRUE(journal.file_all(fault)) << fault;
  Database(BlockStore::file_in(folder), Database::Mode::kCreate)
      .execute("UPDATE log SET bytes = substr(bytes, 1, length(bytes) - 1)");
  JournalReader reader(folder);
  EXPECT_EQ(reader.find_payment(0), decided(0));
  try {
    static_cast<void>(reader.find_payment(10));
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("entry 1 is damaged"), std::string::npos);
  }
}

TEST_F(JournalTest, WritesAllOfABatchOrNothing) {
  Journal journal(folder, Durability::kFull);
  ASSERT_TRUE(journal.write(EntryBatch(std::vector{decided(0)}), fault));
  EXPECT_FALSE(journal.write(EntryBatch(std::vector{decided(1), decided(0)}), fault));
  EXPECT_EQ(fault, "entry 0 is written already");
  EXPECT_FALSE(journal.write(EntryBatch(std::vector{decided(2)}), fault));
  EXPECT_EQ(fault, "entry 2 where 1 was due");
  JournalReader reader(folder, journal);
  EXPECT_EQ(reader.end_position(), 1);
  EXPECT_TRUE(journal.write(EntryBatch(std::vector{decided(1)}), fault));
  EXPECT_EQ(reader.find_payment(10), decided(1));
}

TEST_F(JournalTest, ShowsWhatIsNotInSqliteYetLikeTheRest) {
  Record control;
  control.kind = RecordKind::kControl;
  control.position = 3;
  control.logged_at = 1003;
  control.payment.transaction_id = -1;
  control.control = {1003, 1.1, 0.75, 0.012};
  Journal journal(folder, Durability::kOs);
  ASSERT_TRUE(journal.write(EntryBatch(std::vector{decided(0), feedback(1, 0)}), fault)) << fault;
  ASSERT_TRUE(journal.file_all(fault)) << fault;
  JournalReader inside(folder, journal);
  // SQLite cannot be written, the tail's first 64 KiB can.
  const FileSizeLimit full(64 << 10);
  const std::vector<Record> rest = {feedback(2, 0), control, decided(4)};
  ASSERT_TRUE(journal.write(EntryBatch(rest), fault)) << fault;
  EXPECT_FALSE(journal.file_all(fault));
  JournalReader outside(folder);
  for (JournalReader* reader : {&inside, &outside}) {
    EXPECT_EQ(reader->first_position(), 0);
    EXPECT_EQ(reader->end_position(), 5);
    EXPECT_EQ(reader->last_logged_at(), 1004);
    EXPECT_EQ(reader->max_transaction_id(), 40);
    EXPECT_EQ(reader->find_payment(40), rest[2]);
    EXPECT_EQ(reader->find_payment(0), decided(0));
    EXPECT_EQ(reader->find_feedback(0), (std::vector{feedback(1, 0), rest[0]}));
    EXPECT_EQ(reader->control_before(4), control.control);
    EXPECT_EQ(reader->control_before(3), std::nullopt);
    std::vector<Record> read;
    reader->read(1, 4, [&](const Record& record) {
      read.push_back(record);
      return true;
    });
    EXPECT_EQ(read, (std::vector{feedback(1, 0), rest[0], rest[1]}));
  }
}

TEST_F(JournalTest, BeginsWhereTheHistoryBeforeItEnds) {
  {
    Journal journal(folder, Durability::kOs);
    const FileSizeLimit full(64 << 10);
    ASSERT_TRUE(journal.write(EntryBatch(std::vector{decided(7), decided(8)}), fault)) << fault;
    EXPECT_FALSE(journal.file_all(fault));
    EXPECT_EQ(JournalReader(folder).first_position(), 7);
    EXPECT_EQ(JournalReader(folder).end_position(), 9);
  }
  Journal journal(folder, Durability::kOs);
  ASSERT_TRUE(journal.write(EntryBatch(std::vector{decided(9)}), fault)) << fault;
  ASSERT_TRUE(journal.file_all(fault)) << fault;
  EXPECT_EQ(JournalReader(folder).first_position(), 7);
  EXPECT_EQ(JournalReader(folder).end_position(), 10);
}

TEST_F(JournalTest, FilesInTheEndWhatItCouldNotBefore) {
  {
    Journal journal(folder, Durability::kFull);
    ASSERT_TRUE(journal.write(EntryBatch(std::vector{decided(0)}), fault)) << fault;
    ASSERT_TRUE(journal.file_all(fault)) << fault;
    const FileSizeLimit full(64 << 10);
    ASSERT_TRUE(journal.write(EntryBatch(std::vector{decided(1), decided(2)}), fault)) << fault;
    EXPECT_FALSE(journal.file_all(fault));
    EXPECT_FALSE(fault.empty());
  }
  Journal journal(folder, Durability::kFull);
  Database database(BlockStore::file_in(folder), Database::Mode::kReadOnly);
  EXPECT_EQ(database.query_integer("SELECT sum(entries) FROM log"), 3);
  ASSERT_TRUE(journal.write(EntryBatch(std::vector{decided(3)}), fault)) << fault;
  EXPECT_EQ(JournalReader(folder).find_payment(20), decided(2));
}

TEST_F(JournalTest, HasOneWriter) {
  Journal journal(folder, Durability::kOs);
  try {
    Journal second(folder, Durability::kOs);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("another weir serve"), std::string::npos);
  }
}

TEST_F(JournalTest, PrunesWhatIsOldAndCoveredBySnapshots) {
  Journal journal(folder, Durability::kOs);
  Record control;
  control.kind = RecordKind::kControl;
  control.position = 3;
  for (const auto& block :
       {std::vector{decided(0), feedback(1, 0)}, std::vector{decided(2), control},
        std::vector{decided(4), decided(5)}, std::vector{decided(6)}}) {
    ASSERT_TRUE(journal.write(EntryBatch(block), fault)) << fault;
    ASSERT_TRUE(journal.file_all(fault)) << fault;
  }
  EXPECT_EQ(journal.prune(1001, 6, 1), 0);  // Of its first block an entry is newer.
  EXPECT_EQ(journal.prune(5000, 6, 1), 2);
  EXPECT_EQ(JournalReader(folder).first_position(), 2);
  EXPECT_EQ(journal.prune(5000, 5, 10), 2);  // The third block goes beyond 5.
  JournalReader reader(folder);
  EXPECT_EQ(reader.first_position(), 4);
  EXPECT_EQ(reader.find_payment(20), std::nullopt);
  EXPECT_TRUE(reader.find_feedback(0).empty());
  EXPECT_EQ(reader.control_before(10), std::nullopt);
  EXPECT_EQ(reader.find_payment(50), decided(5));
  EXPECT_EQ(reader.end_position(), 7);
}

TEST_F(JournalTest, PrunesIdsThatFollowOneAnotherAndLeavesTheirLaterPayments) {
  Journal journal(folder, Durability::kOs);
  const auto payment = [](std::uint64_t position, std::int64_t id) {
    Record record = decided(position);
    record.payment.transaction_id = id;
    return record;
  };
  Record refused = payment(2, 102);
  refused.rejected = "future";
  for (const auto& block :
       {std::vector{payment(0, 100), payment(1, 101), refused, payment(3, 103)},
        std::vector{payment(4, 102), payment(5, 900'000'000'000)}, std::vector{payment(6, 104)}}) {
    ASSERT_TRUE(journal.write(EntryBatch(block), fault)) << fault;
    ASSERT_TRUE(journal.file_all(fault)) << fault;
  }
  EXPECT_EQ(journal.prune(5000, 7, 1), 4);
  {
    JournalReader reader(folder);
    for (const std::int64_t id : {100, 101, 103}) EXPECT_EQ(reader.find_payment(id), std::nullopt);
    EXPECT_EQ(reader.find_payment(102), payment(4, 102));
    EXPECT_EQ(reader.find_payment(104), payment(6, 104));
  }
  EXPECT_EQ(journal.prune(5000, 7, 1), 2);  // Far apart.
  JournalReader reader(folder);
  for (const std::int64_t id : {102L, 900'000'000'000L}) {
    EXPECT_EQ(reader.find_payment(id), std::nullopt);
  }
  EXPECT_EQ(reader.find_payment(104), payment(6, 104));
}

TEST_F(JournalTest, SaysWhereNoJournalIs) {
  EXPECT_THROW(JournalReader reader(folder / "none"), Error);
  EXPECT_THROW(parse_durability("fsync"), UsageError);
}

}  // namespace
}  // namespace weir::journal

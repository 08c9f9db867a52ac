#include "edge/journal/journal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/transaction/error.h"

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
    ASSERT_TRUE(journal.write(written, fault)) << fault;
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

TEST_F(JournalTest, WritesAllOfABatchOrNothing) {
  Journal journal(folder, Durability::kFull);
  ASSERT_TRUE(journal.write(std::vector{decided(0)}, fault));
  EXPECT_FALSE(journal.write(std::vector{decided(1), decided(0)}, fault));
  EXPECT_NE(fault.find("UNIQUE"), std::string::npos) << fault;
  JournalReader reader(folder);
  EXPECT_EQ(reader.end_position(), 1);
  EXPECT_TRUE(journal.write(std::vector{decided(1)}, fault));
  EXPECT_EQ(reader.find_payment(10)->model, "aaaa");
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
  ASSERT_TRUE(journal.write(std::vector{decided(0), decided(1), decided(2)}, fault));
  EXPECT_EQ(journal.prune(5000, 2, 1), 1);
  EXPECT_EQ(journal.prune(5000, 2, 10), 1);
  EXPECT_EQ(journal.prune(5000, 2, 10), 0);
  EXPECT_EQ(JournalReader(folder).first_position(), 2);
}

TEST_F(JournalTest, SaysWhereNoJournalIs) {
  EXPECT_THROW(JournalReader reader(folder / "none"), Error);
  EXPECT_THROW(parse_durability("fsync"), UsageError);
}

}  // namespace
}  // namespace weir::journal

#include "edge/journal/checkpointer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <string>

namespace weir::journal {
namespace {

class CheckpointerTest : public ::testing::Test {
 protected:
  CheckpointerTest()
      : folder(std::filesystem::temp_directory_path() /
               ("weir_checkpointer_test_" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder);
    journal.emplace(folder, Durability::kOs);
  }
  ~CheckpointerTest() override {
    journal.reset();
    std::filesystem::remove_all(folder);
  }
  /// A commit of an entry of a page and more.
  void commit() {
    Record record;
    record.position = position++;
    record.payment.transaction_id = static_cast<std::int64_t>(position);
    record.model.assign(20'000, 'm');
    EntryBatch batch;
    batch.add(record);
    std::string fault;
    ASSERT_TRUE(journal->write(batch, fault)) << fault;
  }

  std::filesystem::path folder;
  std::optional<Journal> journal;
  std::uint64_t position = 0;
};

TEST_F(CheckpointerTest, WriteAheadFileBeginsAnewWhileCommitsGoOn) {
  Checkpointer checkpointer(*journal);
  bool began_anew = false;
  for (int i = 0; i < 10'000 && !began_anew; ++i) {
    const int before = journal->pages_ahead();
    commit();
    checkpointer.after_commit();
    began_anew = journal->pages_ahead() < before;
    // Slower than the disk, as payments are.
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  EXPECT_TRUE(began_anew);
  // The bulk was moved by the thread.
  EXPECT_LT(checkpointer.most_left(), 1'000);
  EXPECT_EQ(JournalReader(folder).end_position(), position);
}

TEST_F(CheckpointerTest, WithoutItTheFileGrows) {
  for (int i = 0; i < 2'000; ++i) commit();
  EXPECT_GT(journal->pages_ahead(), 6'000);
}

TEST_F(CheckpointerTest, EndsWhileTheFileIsMoved) {
  for (int i = 0; i < 2'000; ++i) commit();
  Checkpointer(*journal).after_commit();
  commit();
  EXPECT_EQ(JournalReader(folder).end_position(), 2'001);
}

}  // namespace
}  // namespace weir::journal

#include "edge/journal/group_commit.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>

#include "edge/journal/file_size_limit.h"

namespace weir::journal {
namespace {

class GroupCommitTest : public ::testing::TestWithParam<bool> {
 protected:
  GroupCommitTest()
      : folder(std::filesystem::temp_directory_path() /
               ("weir_commit_test_" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder);
    journal.emplace(folder, Durability::kFull);
    commits.emplace(*journal, GetParam());
  }
  ~GroupCommitTest() override {
    commits.reset();
    journal.reset();
    std::filesystem::remove_all(folder);
  }
  static Record payment(std::uint64_t position) {
    Record record;
    record.position = position;
    record.payment.transaction_id = static_cast<std::int64_t>(position) + 100;
    record.model = "m";
    return record;
  }
  /// Rounds until the ticket is settled.
  GroupCommit::State wait(std::uint64_t ticket) {
    for (int i = 0; i < 2000; ++i) {
      commits->end_round();
      if (commits->state(ticket) != GroupCommit::State::kPending) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return commits->state(ticket);
  }

  std::filesystem::path folder;
  std::optional<Journal> journal;
  std::optional<GroupCommit> commits;
};

TEST_P(GroupCommitTest, CommitsBatchesInOrder) {
  std::uint64_t last = 0;
  for (std::uint64_t position = 0; position < 100; ++position) {
    last = commits->add(payment(position));
    if (position % 7 == 0) commits->end_round();
  }
  EXPECT_EQ(wait(last), GroupCommit::State::kDone);
  EXPECT_EQ(JournalReader(folder).end_position(), 100);
  EXPECT_EQ(commits->counters().records, 100);
}

TEST_P(GroupCommitTest, FindsWhatIsNotCommittedYet) {
  const auto ticket = commits->add(payment(0));
  EXPECT_EQ(commits->find_payment(100).record->position, 0);
  EXPECT_EQ(commits->find_payment(100).ticket, ticket);
  EXPECT_EQ(commits->find_payment(101).record, std::nullopt);
  EXPECT_TRUE(commits->finish());
  EXPECT_EQ(commits->find_payment(100).record, std::nullopt);
}

// A file size that may not be exceeded stands for a full disk.
TEST_P(GroupCommitTest, KeepsAFailedBatchAndTriesAgain) {
  const auto before = commits->add(payment(0));
  ASSERT_EQ(wait(before), GroupCommit::State::kDone);
  {
    const FileSizeLimit full(0);
    const auto failed = commits->add(payment(1));
    EXPECT_EQ(wait(failed), GroupCommit::State::kFailed);
    EXPECT_TRUE(commits->stuck());
    EXPECT_EQ(commits->fault(), "File too large");
    EXPECT_EQ(commits->state(before), GroupCommit::State::kDone);
  }
  for (int i = 0; i < 2000 && commits->stuck(); ++i) {
    commits->tick();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(commits->stuck());
  const auto after = commits->add(payment(2));
  EXPECT_EQ(wait(after), GroupCommit::State::kDone);
  EXPECT_EQ(JournalReader(folder).end_position(), 3);
}

INSTANTIATE_TEST_SUITE_P(InlineAndThread, GroupCommitTest, ::testing::Bool());

}  // namespace
}  // namespace weir::journal

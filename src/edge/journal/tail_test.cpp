#include "edge/journal/tail.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "edge/journal/file_size_limit.h"

namespace weir::journal {
namespace {

class TailTest : public ::testing::Test {
 protected:
  TailTest()
      : folder(std::filesystem::temp_directory_path() /
               ("weir_tail_test_" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    tail.emplace(folder, false);
  }
  ~TailTest() override { std::filesystem::remove_all(folder); }

  static EntryBatch entries(std::uint64_t from, std::uint64_t to, std::size_t text = 10) {
    EntryBatch batch;
    for (std::uint64_t position = from; position < to; ++position) {
      Record record;
      record.position = position;
      record.payment.transaction_id = static_cast<std::int64_t>(position) + 100;
      record.reasons.assign(text, 'r');
      batch.add(record);
    }
    return batch;
  }
  /// The ids read, with their positions checked.
  std::vector<std::uint64_t> read(std::uint64_t from) const {
    std::vector<std::uint64_t> positions;
    const Tail::Entries found = Tail::read(folder, [from] { return from; });
    for (EntryReader reader(found.bytes, found.position); !reader.done();) {
      const Record record = reader.next();
      EXPECT_EQ(record.payment.transaction_id, static_cast<std::int64_t>(record.position) + 100);
      positions.push_back(record.position);
    }
    return positions;
  }
  bool write(const EntryBatch& batch, std::uint64_t filed) {
    return tail->write(batch, filed, fault);
  }
  void overwrite(const char* file, std::streamoff at, char byte) const {
    std::fstream stream(folder / file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(at);
    stream.put(byte);
  }

  std::filesystem::path folder;
  std::optional<Tail> tail;
  std::string fault;
};

using Positions = std::vector<std::uint64_t>;

TEST_F(TailTest, GivesWhatComesFromAPositionOn) {
  ASSERT_TRUE(write(entries(5, 7), 5));
  ASSERT_TRUE(write(entries(7, 10), 5));
  EXPECT_EQ(read(5), (Positions{5, 6, 7, 8, 9}));
  EXPECT_EQ(read(8), (Positions{8, 9}));
  EXPECT_EQ(read(10), Positions());
  EXPECT_EQ(read(4), Positions());  // Entry 4 is nowhere.
  EXPECT_EQ(read(0), read(5));      // SQLite has none.
}

TEST_F(TailTest, EndsBeforeAWriteThatWasCutShort) {
  ASSERT_TRUE(write(entries(0, 2), 0));
  const std::size_t first = 24 + entries(0, 2).bytes().size();
  ASSERT_TRUE(write(entries(2, 4), 0));
  const std::size_t second = 24 + entries(2, 4).bytes().size();
  for (const std::size_t at : {first, first + 8, first + 20, first + 24, first + second - 1}) {
    std::ifstream stream(folder / "tail-0", std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(at));
    const char before = static_cast<char>(stream.get());
    overwrite("tail-0", static_cast<std::streamoff>(at), static_cast<char>(before + 1));
    EXPECT_EQ(read(0), (Positions{0, 1})) << at;
    overwrite("tail-0", static_cast<std::streamoff>(at), before);
  }
  EXPECT_EQ(read(0), (Positions{0, 1, 2, 3}));
}

TEST_F(TailTest, TakesTurnsWhereTheOtherFileIsFiled) {
  std::uint64_t position = 0;
  Positions all;
  for (int turn = 0; turn < 9; ++turn) {
    // A megabyte and more each; the last turns shorter, so that older frames lie behind theirs.
    const std::uint64_t from = position;
    for (int i = 0; i < (turn < 6 ? 15 : 12); ++i) {
      ASSERT_TRUE(write(entries(position, position + 10, 10'000), from)) << fault;
      position += 10;
    }
    const Positions found = read(from);
    ASSERT_EQ(found.size(), position - from) << turn;
  }
  EXPECT_LT(std::filesystem::file_size(folder / "tail-0"), 3 << 20);
  EXPECT_GT(std::filesystem::file_size(folder / "tail-1"), 1 << 20);
  const std::uint64_t unfiled = position;
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(write(entries(position, position + 10, 10'000), unfiled));
    position += 10;
  }
  EXPECT_EQ(read(unfiled).size(), position - unfiled);
}

TEST_F(TailTest, TakesTheSameAgainAfterAFailure) {
  ASSERT_TRUE(write(entries(0, 2), 0));
  {
    const FileSizeLimit full(0);
    EXPECT_FALSE(write(entries(2, 3), 0));
    EXPECT_EQ(fault, "File too large");
  }
  EXPECT_EQ(read(0), (Positions{0, 1}));
  ASSERT_TRUE(write(entries(2, 5), 0));
  EXPECT_EQ(read(0), (Positions{0, 1, 2, 3, 4}));
}

TEST_F(TailTest, BeginsEmpty) {
  ASSERT_TRUE(write(entries(0, 2), 0));
  tail.emplace(folder, true);
  EXPECT_EQ(read(0), Positions());
}

}  // namespace
}  // namespace weir::journal

#include "edge/files/staged.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/transaction/error.h"

namespace weir::files {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

class Staged : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(root_); }
  void TearDown() override { fs::remove_all(root_); }
  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(root_), fs::directory_iterator()));
  }
  const fs::path root_ =
      fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(Staged, FileAppearsOnlyOnCommit) {
  {
    StagedFile file(root_ / "a.txt");
    std::ofstream(file.path()) << "half";
    EXPECT_FALSE(fs::exists(root_ / "a.txt"));
  }
  EXPECT_EQ(entries(), 0u);
  write_text(root_ / "deep" / "a.txt", "whole");
  EXPECT_EQ(read_text(root_ / "deep" / "a.txt"), "whole");
}

TEST_F(Staged, AMappedFileIsTheWholeFile) {
  write_text(root_ / "a.bin", std::string_view("a\0b", 3));
  EXPECT_EQ(MappedFile(root_ / "a.bin").bytes(), std::string_view("a\0b", 3));
  write_text(root_ / "empty", "");
  EXPECT_EQ(MappedFile(root_ / "empty").bytes(), "");
  EXPECT_THAT([&] { MappedFile(root_ / "none"); },
              ThrowsMessage<Error>(HasSubstr("none\": No such file")));
}

TEST_F(Staged, FolderReplacesAnEarlierOneAsAWhole) {
  for (const char* name : {"first", "second"}) {
    StagedFolder folder(root_ / "lake/");
    std::ofstream(folder.path() / name) << "x";
    folder.commit();
  }
  EXPECT_TRUE(fs::exists(root_ / "lake" / "second"));
  EXPECT_FALSE(fs::exists(root_ / "lake" / "first"));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Staged, FolderNeverReplacesAStrangersFiles) {
  fs::create_directory(root_ / "home");
  std::ofstream(root_ / "home" / "thesis.txt") << "x";
  EXPECT_THAT([&] { StagedFolder folder(root_ / "home"); },
              ThrowsMessage<Error>(HasSubstr("holds files that weir did not write")));
  EXPECT_TRUE(fs::exists(root_ / "home" / "thesis.txt"));
}

TEST_F(Staged, MissingFileIsAnErrorWithItsName) {
  EXPECT_THAT([&] { read_text(root_ / "none.txt"); },
              ThrowsMessage<Error>(HasSubstr("none.txt\": No such file")));
}

}  // namespace
}  // namespace weir::files

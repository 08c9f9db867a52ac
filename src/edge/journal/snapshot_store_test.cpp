#include "edge/journal/snapshot_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace weir::journal {
namespace {

TEST(SnapshotStore, KeepsTheNewestTwo) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("weir_snapshot_test_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const SnapshotStore store(folder);
  std::string fault;
  for (const std::uint64_t position : {5, 300, 40}) {
    EXPECT_TRUE(store.write(position, "bytes" + std::to_string(position), fault)) << fault;
  }
  std::ofstream(folder / "snapshot-x.state") << "a stranger's";
  const auto kept = store.list();
  ASSERT_EQ(kept.size(), 2);
  EXPECT_EQ(kept[0].position, 300);
  EXPECT_EQ(kept[1].position, 40);
  std::ifstream file(kept[0].path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "bytes300");
  std::filesystem::remove_all(folder);
}

TEST(SnapshotStore, SaysWhyItCouldNotWrite) {
  std::string fault;
  EXPECT_FALSE(SnapshotStore("/nonexistent/weir").write(1, "x", fault));
  EXPECT_EQ(fault, "No such file or directory");
}

}  // namespace
}  // namespace weir::journal

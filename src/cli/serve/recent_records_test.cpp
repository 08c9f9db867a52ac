#include "cli/serve/recent_records.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

TEST(RecentRecords, KeepsTheNewestInOrder) {
  RecentRecords recent(3);
  for (std::uint64_t position = 0; position < 8; ++position) {
    journal::Record record;
    record.position = position;
    record.note = std::string(40, static_cast<char>('a' + position));
    recent.push(record);
    ASSERT_EQ(recent.size(), std::min<std::size_t>(position + 1, 3));
    EXPECT_EQ(recent.full(), position >= 2);
    for (std::size_t i = 0; i < recent.size(); ++i) {
      EXPECT_EQ(recent.newest(i).position, position - i);
      EXPECT_EQ(recent.newest(i).note[0], static_cast<char>('a' + position - i));
      EXPECT_EQ(&recent[recent.size() - 1 - i], &recent.newest(i));
    }
  }
}

}  // namespace
}  // namespace weir::cli

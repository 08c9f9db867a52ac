#include "core/cleaning/terminals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/transaction/error.h"

namespace weir {
namespace {
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Terminals, RangeHoldsBothEnds) {
  const auto set = TerminalSet::parse("0..999", "t");
  for (const std::int64_t terminal : {0, 1, 999}) EXPECT_TRUE(set.contains(terminal));
  for (const std::int64_t terminal : {-1, 1000, 89'518'096}) EXPECT_FALSE(set.contains(terminal));
}

TEST(Terminals, ListIsWhatItSays) {
  const auto set = TerminalSet::parse("7, 3\r\n 11\n", "t");
  for (const std::int64_t terminal : {3, 7, 11}) EXPECT_TRUE(set.contains(terminal));
  for (const std::int64_t terminal : {0, 4, 10, 12}) EXPECT_FALSE(set.contains(terminal));
}

TEST(Terminals, AnythingElseIsAUsageErrorWithTheWord) {
  EXPECT_THAT([] { TerminalSet::parse("1,x", "list.txt"); },
              ThrowsMessage<UsageError>(HasSubstr("list.txt: \"x\" is no terminal")));
  EXPECT_THAT([] { TerminalSet::parse("9..0", "--terminals"); },
              ThrowsMessage<UsageError>(HasSubstr("write it as 0..9")));
  EXPECT_THAT([] { TerminalSet::parse(" \n", "list.txt"); },
              ThrowsMessage<UsageError>(HasSubstr("no terminal in it")));
}

}  // namespace
}  // namespace weir

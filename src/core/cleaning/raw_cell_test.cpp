#include "core/cleaning/raw_cell.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

std::string number(double value) {
  std::string text;
  append_raw_number(value, text);
  return text;
}

std::string time(std::int64_t value, std::int64_t units) {
  std::string text;
  append_raw_time(value, units, text);
  return text;
}

TEST(RawCell, BinaryAmountsAreTheKopecksTheyStandFor) {
  EXPECT_EQ(number(57.16), "57.16");
  EXPECT_EQ(number(0.1 + 0.2), "0.30");
  EXPECT_EQ(number(-3), "-3.00");
  EXPECT_EQ(number(57.165), "57.165");
  EXPECT_EQ(number(1e300), "1e+300");
}

TEST(RawCell, TimesLosePartsOfASecond) {
  EXPECT_EQ(time(1'566'473'562, 1), "2019-08-22 11:32:42");
  EXPECT_EQ(time(1'566'473'562'999'999, 1'000'000), "2019-08-22 11:32:42");
  EXPECT_EQ(time(-1, 1'000), "-1");
  EXPECT_EQ(time(4'102'444'800, 1), "4102444800");
}

TEST(TimeOriginVote, TakesWhatMostRowsShare) {
  TimeOriginVote vote;
  EXPECT_EQ(vote.winner(), std::nullopt);
  vote.add(1'000, 10);
  vote.add(2'000, 1'010);
  EXPECT_EQ(vote.winner(), 990);
  vote.add(5'000, 10);
  vote.add(6'000, 10);
  EXPECT_EQ(vote.winner(), std::nullopt);
}

}  // namespace
}  // namespace weir

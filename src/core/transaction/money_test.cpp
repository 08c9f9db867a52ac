#include "core/transaction/money.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Money, ReadsDecimalsExactly) {
  EXPECT_EQ(parse_amount_minor("57.16"), 5716);
  EXPECT_EQ(parse_amount_minor("57"), 5700);
  EXPECT_EQ(parse_amount_minor("57.1"), 5710);
  EXPECT_EQ(parse_amount_minor(".5"), 50);
  EXPECT_EQ(parse_amount_minor("0.0"), 0);
  EXPECT_EQ(parse_amount_minor("57.1600"), 5716);
  EXPECT_EQ(parse_amount_minor("-3.50"), -350);
  // 1.15 has no exact binary form: through a double it becomes 114 kopecks.
  EXPECT_EQ(parse_amount_minor("1.15"), 115);
}

TEST(Money, RefusesWhatIsNoAmount) {
  for (const char* text : {"", "-", ".", "57.165", "1e3", "nan", "57,16", " 57", "0x1", "+5",
                           "1.2.3", "100000000001", "999999999999999999999999"}) {
    EXPECT_EQ(parse_amount_minor(text), std::nullopt) << text;
  }
}

TEST(Money, WritesKopecksAndRoubles) {
  EXPECT_EQ(format_amount(5), "0.05");
  EXPECT_EQ(format_amount(-350), "-3.50");
  EXPECT_EQ(format_roubles(123'456'749), "1,234,567");
  EXPECT_EQ(format_roubles(99'950), "1,000");
  EXPECT_EQ(format_roubles(-123'400), "-1,234");
}

}  // namespace
}  // namespace weir

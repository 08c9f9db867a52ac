#include "core/cleaning/row_parser.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "core/transaction/calendar.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

constexpr std::string_view kCourseHeader =
    "# tranaction_id | tx_datetime | customer_id | terminal_id | tx_amount | tx_time_seconds | "
    "tx_time_days | tx_fraud | tx_fraud_scenario";

std::vector<std::string_view> split(std::string_view line, char delimiter) {
  std::array<std::string_view, 8> columns;
  const std::size_t count = split_row(line, delimiter, columns);
  return {columns.begin(),
          columns.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(count, 8))};
}

TEST(RowParser, SplitsQuotedFields) {
  using testing::ElementsAre;
  EXPECT_THAT(split("a,b,,d", ','), ElementsAre("a", "b", "", "d"));
  EXPECT_THAT(split("", ','), ElementsAre(""));
  EXPECT_THAT(split(",", ','), ElementsAre("", ""));
  EXPECT_THAT(split("\"a,b\",c", ','), ElementsAre("a,b", "c"));
  EXPECT_THAT(split("\"a\"\"b,\",c", ','), ElementsAre("a\"\"b,", "c"));
  EXPECT_THAT(split("\"a", ','), ElementsAre("\"a"));
  EXPECT_THAT(split("\"\"", ','), ElementsAre(""));
  EXPECT_THAT(split("\"a\"", ','), ElementsAre("a"));
}

TEST(RowParser, RefusesALineAboveTheLimit) {
  const auto layout = RowLayout::from_header(kCourseHeader, {}, "t");
  const auto result = clean_line(std::string(kMaxLineBytes + 1, '1'), layout, {});
  EXPECT_EQ(std::get<Reject>(result).rule, Rule::kLineTooLong);
}

/// The fast parser against the plain one: rows with hashed damage.
TEST(RowParser, AgreesWithItsTwinOnDamagedRows) {
  const auto layout = RowLayout::from_header(kCourseHeader, {}, "t");
  ASSERT_TRUE(layout.is_course_order());
  const CleaningConfig config;
  DateMemory date;
  constexpr std::string_view kSpice = "0123456789,.-: \r\"Ee+xN\t9";
  int ordinary = 0;
  int refused = 0;
  for (std::uint64_t i = 0; i < 300'000; ++i) {
    const auto chance = [&](std::uint64_t what, std::uint64_t limit) {
      return hash64(what, i) % limit;
    };
    const Seconds time = static_cast<Seconds>(chance(1, 7'300'000'000));
    const bool fraud = chance(2, 10) == 0;
    std::string row = fmt::format("{},{},{},{},{}.{:02},{},{},{},{}",
                                  chance(3, chance(4, 20) == 0 ? UINT64_MAX : 1'000'000),
                                  format_datetime(time), chance(5, 1'000'000), chance(6, 1000),
                                  chance(7, 4000), chance(8, 100), chance(9, 1'000'000),
                                  chance(10, 1200), fraud ? 1 : 0, fraud ? 1 + chance(11, 7) : 0);
    for (std::uint64_t damage = chance(12, 3); damage > 0; --damage) {
      const auto at = chance(20 + damage, row.size());
      const char byte = kSpice[chance(30 + damage, kSpice.size())];
      switch (chance(40 + damage, 3)) {
        case 0:
          row[at] = byte;
          break;
        case 1:
          row.insert(at, 1, byte);
          break;
        default:
          row.erase(at, 1);
      }
    }
    const std::string text = row + "\n";
    CleanedPayment fast;
    const char* next = parse_ordinary_row(text.data(), text.data() + text.size(), date, fast);
    const auto plain = clean_line(row, layout, config);
    if (next == nullptr) {
      ++refused;
      continue;
    }
    ++ordinary;
    ASSERT_EQ(next, text.data() + text.size()) << row;
    ASSERT_TRUE(std::holds_alternative<CleanedPayment>(plain)) << row;
    ASSERT_EQ(std::get<CleanedPayment>(plain), fast) << row;
  }
  EXPECT_GT(ordinary, 50'000);
  EXPECT_GT(refused, 10'000);
}

TEST(RowParser, TakesEveryOrdinaryRowTheFastWay) {
  DateMemory date;
  CleanedPayment row;
  for (const std::string_view text :
       {"0,2019-08-22 06:51:03,0,711,70.91,24663,0,0,0\n",
        "1879794137,2022-12-03 23:59:59,999999,999,4754.5,103679999,1199,1,2\n",
        "5,2019-08-22 06:51:03,0,711,0,24663,0,0,0\r\n"}) {
    EXPECT_EQ(parse_ordinary_row(text.data(), text.data() + text.size(), date, row),
              text.data() + text.size())
        << text;
  }
}

TEST(RowParser, NeverReadsPastTheEnd) {
  const std::string whole = "10,2019-08-22 11:32:42,10,663,40.71,41562,0,1,2\n";
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::string cut = whole.substr(0, length) + "\n";
    const auto exact = std::make_unique<char[]>(cut.size());  // So that the sanitizer sees it.
    std::copy(cut.begin(), cut.end(), exact.get());
    DateMemory date;
    CleanedPayment row;
    EXPECT_EQ(parse_ordinary_row(exact.get(), exact.get() + cut.size(), date, row),
              length + 1 == whole.size() ? exact.get() + cut.size() : nullptr);
  }
}

}  // namespace
}  // namespace weir

#include "edge/report/ticks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "core/transaction/calendar.h"

namespace weir::report {
namespace {

using testing::ElementsAre;

constexpr double kDay = 86'400;

std::vector<std::string> labels(double from, double to, Scale scale, int target = 5) {
  std::vector<std::string> out;
  for (const Tick& tick : make_ticks(from, to, scale, target)) out.push_back(tick.label);
  return out;
}

double date(const char* text) { return static_cast<double>(parse_date(text).value()); }

TEST(Ticks, AreOneTwoFiveTimesAPowerOfTen) {
  EXPECT_THAT(labels(0, 1, Scale::kLinear), ElementsAre("0.0", "0.2", "0.4", "0.6", "0.8", "1.0"));
  EXPECT_THAT(labels(0, 2400, Scale::kLinear), ElementsAre("0", "500", "1,000", "1,500", "2,000"));
  EXPECT_THAT(labels(-0.3, 0.3, Scale::kLinear, 3), ElementsAre("-0.2", "0.0", "0.2"));
  EXPECT_THAT(labels(0, 2.5e6, Scale::kLinear),
              ElementsAre("0", "0.5M", "1.0M", "1.5M", "2.0M", "2.5M"));
  EXPECT_THAT(labels(0.00011, 0.00031, Scale::kLinear, 4),
              ElementsAre("0.00015", "0.00020", "0.00025", "0.00030"));
}

TEST(Ticks, WritesSharesAsPercent) {
  EXPECT_THAT(labels(0, 1, Scale::kPercent, 2), ElementsAre("0%", "50%", "100%"));
  EXPECT_THAT(labels(0, 0.004, Scale::kPercent, 4),
              ElementsAre("0.0%", "0.1%", "0.2%", "0.3%", "0.4%"));
}

TEST(Ticks, ShowsPowersOfTenOnALogScale) {
  EXPECT_THAT(labels(1, 1e4, Scale::kLog),
              ElementsAre("1", "", "", "10", "", "", "100", "", "", "1,000", "", "", "10,000"));
  EXPECT_THAT(labels(1, 60, Scale::kLog), ElementsAre("1", "2", "5", "10", "20", "50"));
  EXPECT_THAT(labels(1e-6, 1, Scale::kLog, 3),
              ElementsAre("1e-06", "", "0.0001", "", "0.01", "", "1"));
  EXPECT_THAT(labels(3, 4, Scale::kLog, 2), ElementsAre("3.0", "3.5", "4.0"));
}

TEST(Ticks, FollowsTheCalendar) {
  EXPECT_THAT(labels(date("2018-04-01"), date("2018-10-01"), Scale::kDate, 6),
              ElementsAre("Apr 2018", "May 2018", "Jun 2018", "Jul 2018", "Aug 2018", "Sep 2018",
                          "Oct 2018"));
  EXPECT_THAT(labels(date("2018-11-15"), date("2019-05-15"), Scale::kDate, 3),
              ElementsAre("Jan 2019", "Mar 2019", "May 2019"));
  EXPECT_THAT(labels(date("2015-06-01"), date("2019-06-01"), Scale::kDate, 4),
              ElementsAre("2016", "2017", "2018", "2019"));
  EXPECT_THAT(labels(date("2019-08-21"), date("2019-08-23"), Scale::kDate, 4),
              ElementsAre("21 Aug", "12:00", "22 Aug", "12:00", "23 Aug"));
}

TEST(Ticks, StartsWeeksOnMondays) {
  const auto ticks = make_ticks(date("2019-08-01"), date("2019-09-10"), Scale::kDate, 6);
  ASSERT_EQ(ticks.size(), 6U);
  for (const Tick& tick : ticks) EXPECT_EQ(weekday(static_cast<Seconds>(tick.value)), 0);
}

TEST(Ticks, LieInsideDifferAndRise) {
  for (const Scale scale : {Scale::kLinear, Scale::kPercent, Scale::kLog, Scale::kDate}) {
    for (double from = 0.003; from < 2e9; from *= 7.3) {
      for (double width = from / 50; width < 4e9; width *= 11) {
        const auto ticks = make_ticks(from, from + width, scale, 6);
        EXPECT_LE(ticks.size(), 40U) << from << " " << width;
        std::set<double> values;
        double last = -1;
        for (const Tick& tick : ticks) {
          EXPECT_GE(tick.value, from - 1e-8 * (from + width));
          EXPECT_LE(tick.value, (from + width) * (1 + 1e-8));
          EXPECT_GT(tick.value, last);
          last = tick.value;
        }
        std::set<std::string> texts;
        for (const Tick& tick : ticks) {
          if (scale == Scale::kDate || tick.label.empty()) continue;
          EXPECT_TRUE(texts.insert(tick.label).second) << tick.label << " twice from " << from;
        }
      }
    }
  }
}

TEST(Ticks, AreNoneWhereThereIsNoRange) {
  const double nan = std::nan("");
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(make_ticks(1, 1, Scale::kLinear, 5).empty());
  EXPECT_TRUE(make_ticks(2, 1, Scale::kLinear, 5).empty());
  EXPECT_TRUE(make_ticks(nan, 1, Scale::kLinear, 5).empty());
  EXPECT_TRUE(make_ticks(0, infinity, Scale::kPercent, 5).empty());
  EXPECT_TRUE(make_ticks(0, 10, Scale::kLog, 5).empty());
  EXPECT_TRUE(make_ticks(0, 1e30, Scale::kDate, 5).empty());
  EXPECT_TRUE(make_ticks(1, 1 + 1e-15, Scale::kLinear, 50).empty());
}

TEST(Format, GroupsThousands) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(-1'234'567), "-1,234,567");
  EXPECT_EQ(format_fixed(1234.5, 2), "1,234.50");
  EXPECT_EQ(format_fixed(-0.001, 2), "0.00");
  EXPECT_EQ(format_fixed(std::nan(""), 2), "–");
  EXPECT_EQ(format_percent(0.0312), "3.1%");
}

TEST(Format, ShowsAboutFourDigitsOfAValue) {
  EXPECT_EQ(format_value(0.81234, Scale::kLinear), "0.8123");
  EXPECT_EQ(format_value(12345.6, Scale::kLinear), "12,346");
  EXPECT_EQ(format_value(5, Scale::kLinear), "5");
  EXPECT_EQ(format_value(0, Scale::kLog), "0");
  EXPECT_EQ(format_value(0.03121, Scale::kPercent), "3.121%");
  EXPECT_EQ(format_value(1'566'432'000, Scale::kDate), "2019-08-22");
  EXPECT_EQ(format_value(1'566'432'000 + kDay / 2, Scale::kDate), "2019-08-22 12:00:00");
}

}  // namespace
}  // namespace weir::report

#include "core/transaction/calendar.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Calendar, ReadsTheCourseDataSetsOrigin) {
  EXPECT_EQ(parse_datetime("2019-08-22 00:00:00"), 1'566'432'000);
  EXPECT_EQ(parse_datetime("2019-08-22 11:32:42"), 1'566'432'000 + 41'562);
}

TEST(Calendar, ReadsRfc3339) {
  EXPECT_EQ(parse_datetime("2019-08-22T03:00:00+03:00"), 1'566'432'000);
  EXPECT_EQ(parse_datetime("2019-08-21T23:30:00.999-00:30"), 1'566'432'000);
  EXPECT_EQ(parse_datetime("2019-08-22T00:00:00Z"), 1'566'432'000);
}

TEST(Calendar, RefusesWhatIsNoTime) {
  for (const char* text : {"", "2019-08-22", "2019-08-22 24:00:00", "2019-02-30 00:00:00",
                           "2019-13-01 00:00:00", "2019-08-22 11:60:00", "2019-08-22 11:32:42x",
                           "2019-08-22 11:32:42.", "2019-08-22 11:32:42+03", "2019-00-10 00:00:00",
                           "2019/08/22 00:00:00", "2019-08-32 00:00:00"}) {
    EXPECT_EQ(parse_datetime(text), std::nullopt) << text;
  }
}

TEST(Calendar, WritesBackEveryDayOfFourHundredYears) {
  for (Seconds day = 0; day < 146'097; ++day) {
    const Seconds time = day * kSecondsPerDay;
    ASSERT_EQ(parse_date(format_date(time)), time);
  }
  EXPECT_EQ(format_datetime(1'566'432'000 + 41'562), "2019-08-22 11:32:42");
  EXPECT_EQ(format_datetime(-1), "1969-12-31 23:59:59");
}

TEST(Calendar, ReadsAndWritesDurations) {
  EXPECT_EQ(parse_duration("7d"), 7 * kSecondsPerDay);
  EXPECT_EQ(parse_duration("36h"), 36 * 3600);
  EXPECT_EQ(parse_duration("90"), 90);
  EXPECT_EQ(parse_duration("0s"), 0);
  for (const char* text : {"", "d", "7w", "-7d", "1.5d", "7 d", "9999999999d"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
  for (const Seconds duration :
       {Seconds{0}, Seconds{59}, Seconds{60}, Seconds{5400}, Seconds{86'400}}) {
    EXPECT_EQ(parse_duration(format_duration(duration)), duration);
  }
}

TEST(Calendar, KnowsTheWeekday) {
  EXPECT_EQ(weekday(0), 3);                              // 1970-01-01 was a Thursday.
  EXPECT_EQ(weekday(*parse_date("2018-04-01")), 6);      // A Sunday.
  EXPECT_EQ(weekday(*parse_date("2018-04-02") - 1), 6);  // To its last second.
}

}  // namespace
}  // namespace weir

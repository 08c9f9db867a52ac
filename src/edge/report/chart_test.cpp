#include "edge/report/chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "edge/report/test_markup.h"

namespace weir::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const double kNan = std::nan("");

LineChart line_chart(const std::string& text) {
  return {text,
          text,
          {text, Scale::kDate},
          {text, Scale::kPercent},
          {{text,
            {0, 86'400, 172'800},
            {0.1, 0.3, 0.2},
            SeriesStyle::kLine,
            {0, 0.2, 0.1},
            {0.2, 0.4, 0.3}},
           {text, {0, 86'400}, {0.1, 0.3}, SeriesStyle::kStep},
           {text, {0, 86'400}, {0.2, 0.1}, SeriesStyle::kPoints, {0.1, 0.05}, {0.3, 0.2}},
           {text, {0, 172'800}, {0, 0.5}, SeriesStyle::kReference}},
          {{86'400, text}, {90'000, text}},
          {{0.25, text}, {0.26, text}}};
}

BarChart bar_chart(const std::string& text) {
  return {text, text, text, {text}, {text, "b"}, {{text, {1, -2}}, {"other", {3, 4}}}, {{2, text}}};
}

HorizontalBarChart horizontal_bars(const std::string& text) {
  return {text, text, {text}, {text, "b"}, {0.5, 0.25}, {{0.3, text}}};
}

Histogram histogram(const std::string& text) {
  return {text,         text,
          {text},       {text, Scale::kLog},
          {0, 1, 2, 3}, {{text, {5, 0, 1}}, {text, {1, 1, 900}}},
          {{1.5, text}}};
}

std::vector<std::string> all_charts(const std::string& text) {
  return {line_chart(text).to_svg(), bar_chart(text).to_svg(), horizontal_bars(text).to_svg(),
          histogram(text).to_svg()};
}

TEST(Chart, IsWellFormedWithAnyText) {
  for (const char* text :
       {"plain", "<script>alert('x')</script>", "a & \"b\"", "", "ä€", "\xFF\x01",
        "a text that is far longer than what there is room for in any of the charts"}) {
    for (const std::string& svg : all_charts(text)) {
      EXPECT_EQ(find_markup_fault(svg), "");
      EXPECT_THAT(svg, Not(HasSubstr("<script")));
      EXPECT_THAT(svg, Not(HasSubstr("nan")));
      EXPECT_THAT(svg, Not(HasSubstr("inf")));
    }
  }
}

TEST(Chart, GivesTheSameBytesAgain) { EXPECT_EQ(all_charts("a"), all_charts("a")); }

TEST(Chart, HasATitleAndADescriptionForScreenReaders) {
  LineChart chart = line_chart("x");
  chart.title = "Precision and recall";
  chart.description = "Falls from 1";
  const std::string svg = chart.to_svg();
  EXPECT_THAT(svg, HasSubstr("role=\"img\" aria-label=\"Precision and recall\""));
  EXPECT_THAT(svg, HasSubstr("<title>Precision and recall</title><desc>Falls from 1</desc>"));
}

TEST(Chart, SaysThatThereIsNoData) {
  const auto expect_no_data = [](const auto& chart) {
    const std::string svg = chart.to_svg();
    EXPECT_THAT(svg, HasSubstr(">no data</text>"));
    EXPECT_EQ(find_markup_fault(svg), "");
  };
  LineChart line{"t", "", {"x"}, {"y"}, {}};
  expect_no_data(line);
  line.series = {{"s", {}, {}}};
  expect_no_data(line);
  line.series = {{"s", {kNan, 1}, {1, kInfinity}}};
  line.vertical_markers = {{1, "m"}};
  line.horizontal_markers = {{1, "m"}};
  expect_no_data(line);
  line.series = {{"s", {0, 1}, {0, 1}, SeriesStyle::kReference}};
  expect_no_data(line);
  line.y_axis.scale = Scale::kLog;
  line.series = {{"s", {1, 2}, {0, -1}}};
  expect_no_data(line);
  BarChart bars;
  expect_no_data(bars);
  bars.groups = {"a"};
  bars.series = {{"s", {kNan}}};
  expect_no_data(bars);
  expect_no_data(HorizontalBarChart());
  Histogram histogram;
  expect_no_data(histogram);
  histogram.edges = {0, 1};
  histogram.series = {{"s", {0}}};
  expect_no_data(histogram);
}

TEST(Chart, LeavesAGapWhereAValueIsNotFinite) {
  const LineChart chart{"t", "", {"x"}, {"y"}, {{"", {0, 1, 2, 3, 4}, {0, 1, kNan, 1, 0}}}};
  // Two lines in one path.
  EXPECT_THAT(chart.to_svg(),
              testing::ContainsRegex("class=\"line\" d=\"M[0-9. ]+L[0-9. ]+M[0-9. ]+L[0-9. ]+\""));
}

TEST(Chart, StandsExtremeAndSingleValues) {
  for (const std::vector<double>& y : std::vector<std::vector<double>>{
           {1e308, -1e308}, {9e299, -9e299}, {5, 5}, {0, 0}, {1e-320, 1e-310}, {-3, -3}}) {
    for (const Scale scale : {Scale::kLinear, Scale::kPercent, Scale::kLog, Scale::kDate}) {
      LineChart line{"t", "", {"x", scale}, {"y", scale}, {{"s", y, y}}};
      BarChart bars{"t", "", "", {"y", scale}, {"a", "b"}, {{"s", y}}};
      HorizontalBarChart rows{"t", "", {"y", scale}, {"a", "b"}, y};
      Histogram bins{"t", "", {"x"}, {"y", scale}, {0, 1, 2}, {{"s", y}}};
      std::vector<std::string> pictures;
      pictures.push_back(line.to_svg());
      pictures.push_back(bars.to_svg());
      pictures.push_back(rows.to_svg());
      pictures.push_back(bins.to_svg());
      for (const std::string& svg : pictures) {
        EXPECT_EQ(find_markup_fault(svg), "");
        EXPECT_THAT(svg, Not(HasSubstr("nan")));
        EXPECT_THAT(svg, Not(HasSubstr("inf")));
      }
    }
  }
}

TEST(Chart, KeepsACurveOfManyPointsSmall) {
  Series series{"s", {}, {}};
  for (int i = 0; i < 200'000; ++i) {
    series.x.push_back(i);
    series.y.push_back(std::sin(i * 0.7));
  }
  EXPECT_LT((LineChart{"t", "", {"x"}, {"y"}, {series}}.to_svg().size()), 60'000U);
}

TEST(Chart, AnswersThePointerWithValues) {
  const std::string svg = line_chart("share").to_svg();
  EXPECT_THAT(svg, HasSubstr("<title>share: 1970-01-02, 30% (20% to 40%)</title>"));
  EXPECT_THAT(bar_chart("g").to_svg(), HasSubstr("<title>other, b: 4</title>"));
  EXPECT_THAT(histogram("h").to_svg(), HasSubstr("<title>2 to 3\nh: 1\nh: 900</title>"));
}

TEST(Chart, NamesTheYearThatDayLabelsLeaveOut) {
  const double day = 1'566'432'000;  // 2019-08-22
  const LineChart chart{
      "t", "", {"day", Scale::kDate}, {"y"}, {{"", {day, day + 5 * 86'400}, {1, 2}}}};
  EXPECT_THAT(chart.to_svg(), HasSubstr(">day (2019)</text>"));
}

TEST(Chart, LeavesOutMarkersBeyondTheAxis) {
  LineChart chart{"t", "", {"x", Scale::kLinear, 0, 1}, {"y"}, {{"", {0, 1}, {1, 2}}}};
  chart.vertical_markers = {{0.5, "inside"}, {7, "outside"}, {kNan, "nowhere"}};
  const std::string svg = chart.to_svg();
  EXPECT_THAT(svg, HasSubstr(">inside</text>"));
  EXPECT_THAT(svg, Not(HasSubstr("outside")));
  EXPECT_THAT(svg, Not(HasSubstr("nowhere")));
}

TEST(Bins, AreCountedWithTheLastClosed) {
  const std::vector<double> edges = equal_edges(0, 3, 3);
  EXPECT_THAT(edges, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(count_in_bins({-0.1, 0, 0.9, 1, 2, 3, 3.1, kNan, kInfinity}, edges),
              ElementsAre(2, 1, 2));
  EXPECT_THAT(count_in_bins({}, edges), ElementsAre(0, 0, 0));
}

TEST(Bins, GrowByAFactorOnALogScale) {
  const std::vector<double> edges = log_edges(0.1, 100, 3);
  ASSERT_EQ(edges.size(), 4U);
  EXPECT_DOUBLE_EQ(edges[1], 1);
  EXPECT_DOUBLE_EQ(edges[2], 10);
  EXPECT_EQ(edges[3], 100);
}

}  // namespace
}  // namespace weir::report

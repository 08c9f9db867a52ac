#pragma once

#include <optional>
#include <string>
#include <vector>

#include "edge/report/ticks.h"

/// Charts as SVG text for `Page::chart`, whose style sheet colours them in light and dark.
///
/// Every `to_svg` gives the same bytes for the same values. Values that are not finite (or not
/// positive on a log scale) are left out; a chart without any value says "no data". Texts are
/// escaped. Vectors that belong together must have equal lengths (WEIR_CHECK).
namespace weir::report {

struct Axis {
  std::string label;
  Scale scale = Scale::kLinear;
  /// The ends; where absent the data decide. Lines are cut there, points outside are left out.
  std::optional<double> from = std::nullopt;
  std::optional<double> to = std::nullopt;
};

/// A labelled line across the plot, such as a threshold or the day of a split.
struct Marker {
  double at = 0;
  std::string label;
};

enum class SeriesStyle : unsigned char {
  kLine,       ///< A value that is not finite leaves a gap.
  kStep,       ///< Each y holds from its x to the next x.
  kPoints,     ///< Dots, with error bars where low and high are given.
  kReference,  ///< A grey dashed line to compare with, such as the diagonal.
};

struct Series {
  std::string name;  ///< For the legend; empty leaves it out.
  std::vector<double> x;
  std::vector<double> y;
  SeriesStyle style = SeriesStyle::kLine;
  /// The interval around each y, or both empty: error bars of points, a band around lines.
  std::vector<double> low = {};
  std::vector<double> high = {};
};

/// Lines, steps and points over a number or a date. Lines follow the order of their points.
struct LineChart {
  std::string title;        ///< What is shown, for screen readers and as tooltip.
  std::string description;  ///< What is to be seen in it, for screen readers; may be empty.
  Axis x_axis;
  Axis y_axis;
  std::vector<Series> series;
  std::vector<Marker> vertical_markers = {};    ///< `at` is on the x axis.
  std::vector<Marker> horizontal_markers = {};  ///< `at` is on the y axis.

  std::string to_svg() const;
};

struct BarSeries {
  std::string name;            ///< For the legend; empty leaves it out.
  std::vector<double> values;  ///< One a group.
};

/// Upright bars, one group a label, one bar a series in it. Bars start at zero.
struct BarChart {
  std::string title;
  std::string description;
  std::string x_label;
  Axis value_axis;
  std::vector<std::string> groups;
  std::vector<BarSeries> series;
  std::vector<Marker> horizontal_markers = {};  ///< `at` is on the value axis.

  std::string to_svg() const;
};

/// Bars to the right with their labels on the left and values at their ends, in the order given;
/// for feature importances. Grows with the number of bars.
struct HorizontalBarChart {
  std::string title;
  std::string description;
  Axis value_axis;
  std::vector<std::string> labels;
  std::vector<double> values;
  std::vector<Marker> vertical_markers = {};  ///< `at` is on the value axis.

  std::string to_svg() const;
};

/// Overlaid histograms over the same bins, such as the scores of genuine and fraudulent payments.
/// kLog on the y axis makes rare bins visible.
struct Histogram {
  std::string title;
  std::string description;
  Axis x_axis;
  Axis y_axis;
  std::vector<double> edges;  ///< Rising; one more than the values of each series.
  std::vector<BarSeries> series;
  std::vector<Marker> vertical_markers = {};  ///< `at` is on the x axis.

  std::string to_svg() const;
};

/// `bins` + 1 edges of equal width over [from, to].
std::vector<double> equal_edges(double from, double to, int bins);

/// `bins` + 1 edges of equal ratio over [from, to], both positive; for a kLog x axis.
std::vector<double> log_edges(double from, double to, int bins);

/// How many of `values` lie in each [edge, next edge), the last bin closed; others are not counted.
std::vector<double> count_in_bins(const std::vector<double>& values,
                                  const std::vector<double>& edges);

}  // namespace weir::report

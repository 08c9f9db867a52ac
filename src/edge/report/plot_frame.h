#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/report/chart.h"

namespace weir::report {

/// Whether a chart can show `value`: finite, and positive on a log scale.
bool is_drawable(double value, Scale scale);

/// The least and the greatest drawable value seen.
class Extent {
 public:
  explicit Extent(Scale scale) : scale_(scale) {}

  void add(double value);
  bool empty() const { return low_ > high_; }
  double low() const { return low_; }
  double high() const { return high_; }

 private:
  Scale scale_;
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
};

/// What an axis shows: [from, to], from < to.
struct Range {
  double from = 0;
  double to = 1;
  Scale scale = Scale::kLinear;

  /// 0 at from, 1 at to; outside these beyond the ends.
  double share(double value) const;
  bool holds(double value) const;
};

enum class RangeEnds : unsigned char {
  kExact,     ///< As the data.
  kRounded,   ///< Outwards to a tick.
  kFromZero,  ///< kRounded with zero inside; just below the least value on a log scale.
};

/// The range of the axis: its own ends, else those of the data, widened where they are one point.
Range fit_range(const Axis& axis, Extent data, RangeEnds ends);

enum class LegendShape : unsigned char { kLine, kReference, kSquare, kDot };

struct LegendEntry {
  std::string name;
  std::string css_class;
  LegendShape shape = LegendShape::kLine;
};

/// What surrounds a chart's values.
struct FrameOptions {
  std::string title;
  std::string description;
  std::string x_label;
  std::string y_label;
  Range x_range;
  Range y_range;
  bool has_data = true;
  bool x_ticks = true;
  bool y_ticks = true;
  double plot_height = 200;
  double left = 0;    ///< At least so much room left of the plot,
  double right = 14;  ///< right of it,
  double below = 0;   ///< and under it, above the x axis' label.
  std::vector<LegendEntry> legend = {};
  std::vector<Marker> vertical_markers = {};
  std::vector<Marker> horizontal_markers = {};
};

/// The width of `text` in the charts' font, estimated from above for usual text.
double text_width(std::string_view text);

/// A coordinate with at most one decimal, kept within what renderers take.
std::string pixel(double value);

/// `<title>` with the text, shown when the pointer rests on the element around it.
std::string tooltip(const std::string& text);

/// The class of the series at `index`: its colour and, past the last colour, dashes.
std::string series_class(std::size_t index);

/// Lays out legend, labels, ticks and markers around the plot area and draws them.
/// Coordinates are pixels of a picture 440 wide, y downwards.
class PlotFrame {
 public:
  explicit PlotFrame(FrameOptions options);

  double x(double value) const { return left_ + options_.x_range.share(value) * (right_ - left_); }
  double y(double value) const {
    return bottom_ - options_.y_range.share(value) * (bottom_ - top_);
  }
  double left() const { return left_; }
  double right() const { return right_; }
  double top() const { return top_; }
  double bottom() const { return bottom_; }

  /// The whole picture; `clipped` is cut at the plot area, `above` is not.
  std::string draw(const std::string& clipped, const std::string& above) const;

 private:
  struct PlacedLabel {
    double x;  // Its left end.
    int row;
  };

  void place_x_ticks();
  void place_vertical_labels();
  std::string draw_legend() const;
  std::string draw_axes() const;
  std::string draw_vertical_markers() const;
  std::string draw_horizontal_markers() const;

  FrameOptions options_;
  std::vector<Tick> x_ticks_;
  std::vector<Tick> y_ticks_;
  std::vector<PlacedLabel> vertical_labels_;  // One a vertical marker.
  int label_rows_ = 0;
  double left_ = 0;
  double right_ = 0;
  double top_ = 0;
  double bottom_ = 0;
  double height_ = 0;
};

}  // namespace weir::report

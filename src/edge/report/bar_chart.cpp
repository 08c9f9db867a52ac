#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/transaction/error.h"
#include "edge/report/chart.h"
#include "edge/report/markup.h"
#include "edge/report/plot_frame.h"

namespace weir::report {
namespace {

constexpr std::size_t kLongestGroup = 22;
constexpr std::size_t kLongestRowLabel = 40;
constexpr double kRowHeight = 24;

std::string rectangle(double x, double y, double width, double height, const std::string& text) {
  return fmt::format("<rect class=\"bar\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\">{}</rect>\n",
                     pixel(x), pixel(y), pixel(width), pixel(height), tooltip(text));
}

// Where bars start: zero, or the nearest end of the axis.
double base_of(const Range& range) {
  if (range.scale == Scale::kLog) return range.from;
  return std::clamp(0.0, range.from, range.to);
}

// The labels of groups `band` pixels apart: upright where they fit, else slanted, and only every
// so many where even these would touch.
class GroupLabels {
 public:
  GroupLabels(const std::vector<std::string>& groups, double band) {
    for (const std::string& group : groups) {
      texts_.push_back(shorten(group, kLongestGroup));
      longest_ = std::max(longest_, text_width(texts_.back()));
    }
    slanted_ = longest_ + 6 > band;
    every_ = slanted_ ? static_cast<std::size_t>(std::ceil(17 / band)) : 1;
  }

  double height() const { return slanted_ ? longest_ * 0.53 + 16 : 20; }

  // How far labels reach to the left of their groups' middles.
  double overhang() const { return slanted_ ? longest_ * 0.78 : 0; }

  std::string draw(std::size_t group, double middle, double bottom) const {
    if (group % every_ != 0) return "";
    const std::string text = escape_markup(texts_[group]);
    if (!slanted_) {
      return fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                         pixel(middle), pixel(bottom + 17), text);
    }
    return fmt::format(
        "<text transform=\"translate({} {}) rotate(-35)\" text-anchor=\"end\">{}</text>\n",
        pixel(middle + 4), pixel(bottom + 14), text);
  }

 private:
  std::vector<std::string> texts_;
  double longest_ = 0;
  bool slanted_ = false;
  std::size_t every_ = 1;
};

}  // namespace

std::string BarChart::to_svg() const {
  Extent extent(value_axis.scale);
  bool any = false;
  for (const BarSeries& one : series) {
    WEIR_CHECK(one.values.size() == groups.size());
    for (const double value : one.values) {
      extent.add(value);
      any = any || is_drawable(value, value_axis.scale);
    }
  }
  for (const Marker& marker : horizontal_markers) extent.add(marker.at);

  FrameOptions options;
  options.title = title;
  options.description = description;
  options.x_label = x_label;
  options.y_label = value_axis.label;
  options.y_range = fit_range(value_axis, extent, RangeEnds::kFromZero);
  options.has_data = any;
  options.x_ticks = false;
  options.horizontal_markers = horizontal_markers;
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (series[i].name.empty()) continue;
    options.legend.push_back({series[i].name, series_class(i), LegendShape::kSquare});
  }
  // A first frame tells how much room a group has, the labels how much the frame must leave them.
  const auto band_of = [&](const PlotFrame& frame) {
    return (frame.right() - frame.left()) /
           static_cast<double>(std::max<std::size_t>(1, groups.size()));
  };
  const double rough_band = band_of(PlotFrame(options));
  const GroupLabels labels(groups, rough_band);
  if (any) {
    options.left = labels.overhang() - rough_band / 2;
    options.below = labels.height();
  }
  const PlotFrame frame(options);
  if (!any) return frame.draw("", "");

  const double band = band_of(frame);
  const double zero = frame.y(base_of(options.y_range));
  const double bar = band * 0.76 / static_cast<double>(series.size());
  std::string bars;
  std::string texts;
  for (std::size_t group = 0; group < groups.size(); ++group) {
    const double start = frame.left() + band * static_cast<double>(group);
    texts += labels.draw(group, start + band / 2, frame.bottom());
    for (std::size_t i = 0; i < series.size(); ++i) {
      const double value = series[i].values[group];
      if (!is_drawable(value, value_axis.scale)) continue;
      const double end = frame.y(value);
      const std::string name = series[i].name.empty() ? "" : series[i].name + ", ";
      bars += fmt::format("<g class=\"{}\">", series_class(i));
      bars += rectangle(start + band * 0.12 + bar * static_cast<double>(i), std::min(zero, end),
                        std::max(bar - 1, 0.5), std::abs(zero - end),
                        name + groups[group] + ": " + format_value(value, value_axis.scale));
      bars += "</g>";
    }
  }
  return frame.draw(bars, texts);
}

std::string HorizontalBarChart::to_svg() const {
  WEIR_CHECK(labels.size() == values.size());
  Extent extent(value_axis.scale);
  double label_width = 0;
  double value_width = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    extent.add(values[i]);
    label_width = std::max(label_width, text_width(shorten(labels[i], kLongestRowLabel)));
    value_width = std::max(value_width, text_width(format_value(values[i], value_axis.scale)));
  }
  const bool any = !extent.empty();
  for (const Marker& marker : vertical_markers) extent.add(marker.at);

  FrameOptions options;
  options.title = title;
  options.description = description;
  options.x_label = value_axis.label;
  options.x_range = fit_range(value_axis, extent, RangeEnds::kFromZero);
  options.y_range = {0, static_cast<double>(std::max<std::size_t>(1, values.size())),
                     Scale::kLinear};
  options.has_data = any;
  options.y_ticks = false;
  options.left = label_width + 10;
  options.right = value_width + 10;
  options.plot_height = any ? kRowHeight * static_cast<double>(values.size()) : 120;
  options.vertical_markers = vertical_markers;
  const PlotFrame frame(options);
  if (!any) return frame.draw("", "");

  const double zero = frame.x(base_of(options.x_range));
  std::string bars = "<g class=\"s0\">";
  std::string texts;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double top = frame.top() + kRowHeight * static_cast<double>(i);
    texts +=
        fmt::format("<text class=\"strong\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}{}</text>\n",
                    pixel(frame.left() - 8), pixel(top + 16.5), tooltip(labels[i]),
                    escape_markup(shorten(labels[i], kLongestRowLabel)));
    if (!is_drawable(values[i], value_axis.scale)) continue;
    const double end = std::clamp(frame.x(values[i]), frame.left(), frame.right());
    const std::string value = format_value(values[i], value_axis.scale);
    bars += rectangle(std::min(zero, end), top + 4, std::abs(end - zero), kRowHeight - 8,
                      labels[i] + ": " + value);
    texts += fmt::format("<text class=\"halo\" x=\"{}\" y=\"{}\">{}</text>\n",
                         pixel(std::max(zero, end) + 5), pixel(top + 16.5), value);
  }
  return frame.draw(bars + "</g>\n", texts);
}

}  // namespace weir::report

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "core/transaction/error.h"
#include "edge/report/chart.h"
#include "edge/report/markup.h"
#include "edge/report/plot_frame.h"

namespace weir::report {
namespace {

// Lines of at most so many points answer the pointer at each of them.
constexpr std::size_t kMostHoverPoints = 80;

struct Point {
  double x, y;  // Pixels.
};

using Path = std::vector<Point>;

// Points in the same half pixel column that follow one another, cut down to the first, lowest,
// highest and last: the picture is the same and a curve of a million points stays small.
Path thin(const Path& path) {
  Path out;
  for (std::size_t begin = 0; begin < path.size();) {
    const double column = std::round(path[begin].x * 2);
    std::size_t end = begin;
    std::size_t low = begin;
    std::size_t high = begin;
    while (end < path.size() && std::round(path[end].x * 2) == column) {
      if (path[end].y < path[low].y) low = end;
      if (path[end].y > path[high].y) high = end;
      ++end;
    }
    std::vector<std::size_t> kept = {begin, low, high, end - 1};
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    for (const std::size_t i : kept) out.push_back(path[i]);
    begin = end;
  }
  return out;
}

Path with_steps(const Path& path) {
  Path out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (i > 0) out.push_back({path[i].x, path[i - 1].y});
    out.push_back(path[i]);
  }
  return out;
}

std::string path_data(const Path& path, char first = 'M') {
  std::string out;
  char command = first;
  for (const Point& point : path) {
    out += fmt::format("{}{} {}", command, pixel(point.x), pixel(point.y));
    command = 'L';
  }
  return out;
}

class SeriesDrawing {
 public:
  SeriesDrawing(const LineChart& chart, const PlotFrame& frame, const Range& x, const Range& y)
      : chart_(chart), frame_(frame), x_(x), y_(y) {}

  void add(const Series& series, const std::string& css_class) {
    clipped += fmt::format("<g class=\"{}\">", css_class);
    above += fmt::format("<g class=\"{}\">", css_class);
    if (series.style == SeriesStyle::kPoints) {
      add_points(series);
    } else {
      add_lines(series);
    }
    clipped += "</g>\n";
    above += "</g>\n";
  }

  std::string clipped;
  std::string above;

 private:
  bool has_interval(const Series& series, std::size_t i) const {
    return !series.low.empty() && is_drawable(series.low[i], y_.scale) &&
           is_drawable(series.high[i], y_.scale);
  }

  bool has_point(const Series& series, std::size_t i) const {
    return is_drawable(series.x[i], x_.scale) && is_drawable(series.y[i], y_.scale);
  }

  std::string describe(const Series& series, std::size_t i) const {
    std::string text = series.name.empty() ? "" : series.name + ": ";
    text += fmt::format("{}, {}", format_value(series.x[i], chart_.x_axis.scale),
                        format_value(series.y[i], chart_.y_axis.scale));
    if (has_interval(series, i)) {
      text += fmt::format(" ({} to {})", format_value(series.low[i], chart_.y_axis.scale),
                          format_value(series.high[i], chart_.y_axis.scale));
    }
    return text;
  }

  void add_points(const Series& series) {
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      if (!has_point(series, i) || !x_.holds(series.x[i])) continue;
      const double x = frame_.x(series.x[i]);
      if (has_interval(series, i)) {
        const std::string low = pixel(frame_.y(series.low[i]));
        const std::string high = pixel(frame_.y(series.high[i]));
        const std::string left = pixel(x - 3);
        clipped += fmt::format("<path class=\"error\" d=\"M{0} {1}h6M{0} {2}h6M{3} {1}V{2}\"/>",
                               left, low, high, pixel(x));
      }
      if (!y_.holds(series.y[i])) continue;
      above += fmt::format("<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"4\">{}</circle>",
                           pixel(x), pixel(frame_.y(series.y[i])), tooltip(describe(series, i)));
    }
  }

  void add_lines(const Series& series) {
    const bool is_reference = series.style == SeriesStyle::kReference;
    std::string lines;
    for (std::size_t begin = 0; begin < series.x.size();) {
      Path line;
      Path low;
      Path high;
      std::size_t i = begin;
      for (; i < series.x.size() && has_point(series, i); ++i) {
        const double x = frame_.x(series.x[i]);
        line.push_back({x, frame_.y(series.y[i])});
        const bool interval = has_interval(series, i);
        low.push_back({x, frame_.y(interval ? series.low[i] : series.y[i])});
        high.push_back({x, frame_.y(interval ? series.high[i] : series.y[i])});
      }
      begin = i + 1;
      if (line.empty()) continue;
      if (line.size() == 1 && !is_reference) {
        clipped += fmt::format("<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"3\"/>",
                               pixel(line[0].x), pixel(line[0].y));
        continue;
      }
      for (Path* path : {&line, &low, &high}) {
        if (series.style == SeriesStyle::kStep) *path = with_steps(*path);
        *path = thin(*path);
      }
      lines += path_data(line);
      if (series.low.empty()) continue;
      std::reverse(low.begin(), low.end());
      clipped +=
          fmt::format("<path class=\"band\" d=\"{}{}Z\"/>", path_data(high), path_data(low, 'L'));
    }
    if (!lines.empty()) {
      clipped +=
          fmt::format("<path class=\"line{}\" d=\"{}\">{}</path>", is_reference ? " reference" : "",
                      lines, series.name.empty() ? "" : tooltip(series.name));
    }
    if (is_reference || series.x.size() > kMostHoverPoints) return;
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      if (!has_point(series, i) || !x_.holds(series.x[i]) || !y_.holds(series.y[i])) continue;
      above += fmt::format("<circle class=\"hover\" cx=\"{}\" cy=\"{}\" r=\"6\">{}</circle>",
                           pixel(frame_.x(series.x[i])), pixel(frame_.y(series.y[i])),
                           tooltip(describe(series, i)));
    }
  }

  const LineChart& chart_;
  const PlotFrame& frame_;
  const Range& x_;
  const Range& y_;
};

}  // namespace

std::string LineChart::to_svg() const {
  Extent x_extent(x_axis.scale);
  Extent y_extent(y_axis.scale);
  bool only_references = true;
  for (const Series& one : series) {
    WEIR_CHECK(one.x.size() == one.y.size());
    WEIR_CHECK(one.low.size() == one.high.size());
    WEIR_CHECK(one.low.empty() || one.low.size() == one.y.size());
    for (std::size_t i = 0; i < one.x.size(); ++i) {
      if (!is_drawable(one.x[i], x_axis.scale) || !is_drawable(one.y[i], y_axis.scale)) continue;
      x_extent.add(one.x[i]);
      y_extent.add(one.y[i]);
      if (!one.low.empty()) {
        y_extent.add(one.low[i]);
        y_extent.add(one.high[i]);
      }
      if (one.style != SeriesStyle::kReference) only_references = false;
    }
  }
  for (const Marker& marker : vertical_markers) x_extent.add(marker.at);
  for (const Marker& marker : horizontal_markers) y_extent.add(marker.at);

  FrameOptions options;
  options.title = title;
  options.description = description;
  options.x_label = x_axis.label;
  options.y_label = y_axis.label;
  options.x_range = fit_range(x_axis, x_extent, RangeEnds::kExact);
  options.y_range = fit_range(y_axis, y_extent, RangeEnds::kRounded);
  options.has_data = !only_references;
  options.vertical_markers = vertical_markers;
  options.horizontal_markers = horizontal_markers;

  std::vector<std::string> classes;
  std::size_t colour = 0;
  for (const Series& one : series) {
    const bool is_reference = one.style == SeriesStyle::kReference;
    classes.push_back(is_reference ? "sr" : series_class(colour++));
    if (one.name.empty()) continue;
    options.legend.push_back({one.name, classes.back(),
                              is_reference                        ? LegendShape::kReference
                              : one.style == SeriesStyle::kPoints ? LegendShape::kDot
                                                                  : LegendShape::kLine});
  }
  const PlotFrame frame(options);
  SeriesDrawing drawing(*this, frame, options.x_range, options.y_range);
  if (options.has_data) {
    for (std::size_t i = 0; i < series.size(); ++i) drawing.add(series[i], classes[i]);
  }
  return frame.draw(drawing.clipped, drawing.above);
}

}  // namespace weir::report

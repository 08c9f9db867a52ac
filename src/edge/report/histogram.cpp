#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/transaction/error.h"
#include "edge/report/chart.h"
#include "edge/report/markup.h"
#include "edge/report/plot_frame.h"

namespace weir::report {
namespace {

// One shape a run of bins with something in them: up from the base, along the tops, down again.
std::string outline(const std::vector<double>& edges,
                    const std::vector<double>& values,
                    const PlotFrame& frame,
                    Scale scale) {
  std::string out;
  bool open = false;
  const std::string base = pixel(frame.bottom());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!is_drawable(values[i], scale) || values[i] <= 0) {
      if (open) out += "V" + base;
      open = false;
      continue;
    }
    if (!open) out += fmt::format("M{} {}", pixel(frame.x(edges[i])), base);
    open = true;
    out += fmt::format("V{}H{}", pixel(frame.y(values[i])), pixel(frame.x(edges[i + 1])));
  }
  if (open) out += "V" + base;
  return out;
}

}  // namespace

std::string Histogram::to_svg() const {
  Extent x_extent(x_axis.scale);
  Extent y_extent(y_axis.scale);
  bool any = false;
  for (const BarSeries& one : series) {
    WEIR_CHECK(one.values.size() + 1 == edges.size());
    for (const double value : one.values) {
      y_extent.add(value);
      any = any || (is_drawable(value, y_axis.scale) && value > 0);
    }
  }
  for (std::size_t i = 0; i < edges.size(); ++i) {
    WEIR_CHECK(is_drawable(edges[i], x_axis.scale));
    WEIR_CHECK(i == 0 || edges[i - 1] < edges[i]);
    x_extent.add(edges[i]);
  }
  for (const Marker& marker : vertical_markers) x_extent.add(marker.at);

  FrameOptions options;
  options.title = title;
  options.description = description;
  options.x_label = x_axis.label;
  options.y_label = y_axis.label;
  options.x_range = fit_range(x_axis, x_extent, RangeEnds::kExact);
  options.y_range = fit_range(y_axis, y_extent, RangeEnds::kFromZero);
  options.has_data = any;
  options.vertical_markers = vertical_markers;
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (series[i].name.empty()) continue;
    options.legend.push_back({series[i].name, series_class(i), LegendShape::kSquare});
  }
  const PlotFrame frame(options);
  if (!any) return frame.draw("", "");

  std::string shapes;
  for (std::size_t i = 0; i < series.size(); ++i) {
    const std::string path = outline(edges, series[i].values, frame, y_axis.scale);
    if (path.empty()) continue;
    shapes += fmt::format(
        "<g class=\"{0}\"><path class=\"area\" d=\"{1}\"/><path class=\"line thin\" "
        "d=\"{1}\"/></g>\n",
        series_class(i), path);
  }
  // Each bin answers the pointer over its whole height, with all series at once.
  shapes += "<g class=\"sr\">";
  for (std::size_t bin = 0; bin + 1 < edges.size(); ++bin) {
    std::string text = fmt::format("{} to {}", format_value(edges[bin], x_axis.scale),
                                   format_value(edges[bin + 1], x_axis.scale));
    for (const BarSeries& one : series) {
      text += fmt::format("\n{}{}", one.name.empty() ? "" : one.name + ": ",
                          format_value(one.values[bin], y_axis.scale));
    }
    const double left = frame.x(edges[bin]);
    shapes += fmt::format(
        "<rect class=\"hover\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\">{}</rect>\n",
        pixel(left), pixel(frame.top()), pixel(frame.x(edges[bin + 1]) - left),
        pixel(frame.bottom() - frame.top()), tooltip(text));
  }
  return frame.draw(shapes + "</g>\n", "");
}

std::vector<double> equal_edges(double from, double to, int bins) {
  WEIR_CHECK(bins >= 1 && from < to);
  std::vector<double> edges;
  for (int i = 0; i < bins; ++i) edges.push_back(from + (to - from) * i / bins);
  edges.push_back(to);
  return edges;
}

std::vector<double> log_edges(double from, double to, int bins) {
  WEIR_CHECK(bins >= 1 && from > 0 && from < to);
  std::vector<double> edges = {from};
  for (int i = 1; i < bins; ++i) edges.push_back(from * std::pow(to / from, 1.0 * i / bins));
  edges.push_back(to);
  return edges;
}

std::vector<double> count_in_bins(const std::vector<double>& values,
                                  const std::vector<double>& edges) {
  WEIR_CHECK(edges.size() >= 2);
  std::vector<double> counts(edges.size() - 1);
  for (const double value : values) {
    if (!(value >= edges.front() && value <= edges.back())) continue;
    const auto above = std::upper_bound(edges.begin(), edges.end(), value);
    const auto bin = static_cast<std::size_t>(above - edges.begin()) - 1;
    counts[std::min(bin, counts.size() - 1)] += 1;
  }
  return counts;
}

}  // namespace weir::report

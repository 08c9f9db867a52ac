#include "edge/report/plot_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "edge/report/markup.h"
#include "edge/report/style.h"

namespace weir::report {
namespace {

constexpr double kWidth = 440;
constexpr double kCharacterWidth = 7.2;
constexpr double kLegendRow = 20;
constexpr double kLabelRow = 17;
constexpr std::size_t kLongestName = 40;

// The left end of a label centred at `middle`, moved so that it stays inside the picture.
double centred(double middle, double width) {
  return std::max(1.0, std::min(middle - width / 2, kWidth - 1 - width));
}

// Whether all labels fit side by side.
bool labels_fit(const std::vector<Tick>& ticks, const Range& range, double left, double right) {
  double last_end = -1000;
  for (const Tick& tick : ticks) {
    if (tick.label.empty()) continue;
    const double width = text_width(tick.label);
    const double start = centred(left + range.share(tick.value) * (right - left), width);
    if (start < last_end + 8) return false;
    last_end = start + width;
  }
  return true;
}

// ` (2018)` or ` (2018–2019)` where the labels of a date axis leave the year out.
std::string year_note(const std::vector<Tick>& ticks) {
  if (ticks.empty()) return "";
  const auto year = [](const Tick& tick) {
    return format_date(static_cast<Seconds>(tick.value)).substr(0, 4);
  };
  const std::string first = year(ticks.front());
  const std::string last = year(ticks.back());
  if (ticks.front().label.ends_with(first)) return "";
  return first == last ? fmt::format(" ({})", first) : fmt::format(" ({}–{})", first, last);
}

}  // namespace

bool is_drawable(double value, Scale scale) {
  // Near the end of double, differences would overflow.
  return std::isfinite(value) && std::abs(value) < 1e300 &&
         (scale != Scale::kLog || value > 1e-300);
}

void Extent::add(double value) {
  if (!is_drawable(value, scale_)) return;
  low_ = std::min(low_, value);
  high_ = std::max(high_, value);
}

double Range::share(double value) const {
  if (scale == Scale::kLog) {
    return (std::log10(value) - std::log10(from)) / (std::log10(to) - std::log10(from));
  }
  return (value - from) / (to - from);
}

bool Range::holds(double value) const {
  return is_drawable(value, scale) && value >= from && value <= to;
}

Range fit_range(const Axis& axis, Extent data, RangeEnds ends) {
  const bool log = axis.scale == Scale::kLog;
  const bool rounds = ends != RangeEnds::kExact && axis.scale != Scale::kDate;
  if (axis.from) data.add(*axis.from);
  if (axis.to) data.add(*axis.to);
  if (ends == RangeEnds::kFromZero) data.add(0);  // Not drawable on a log scale, so left out.
  if (data.empty()) data.add(1);
  double low = axis.from && is_drawable(*axis.from, axis.scale) ? *axis.from : data.low();
  double high = axis.to && is_drawable(*axis.to, axis.scale) ? *axis.to : data.high();
  if (!(low < high)) {
    const double middle = low;
    if (log) {
      low = middle / 2;
      high = middle * 2;
    } else {
      const double half = axis.scale == Scale::kDate ? 43'200 : middle == 0 ? 1 : std::abs(middle);
      low = ends == RangeEnds::kFromZero && middle == 0 ? 0 : middle - half / 2;
      high = middle + half / 2;
    }
  } else if (rounds && log) {
    if (!axis.from) low *= ends == RangeEnds::kFromZero ? 0.6 : 0.9;
    if (!axis.to) high *= 1.2;
  } else if (rounds) {
    const double step = tick_step(high - low, 5);
    if (!axis.from) low = std::min(low, std::floor(low / step + 1e-9) * step);
    if (!axis.to) high = std::max(high, std::ceil(high / step - 1e-9) * step);
  }
  return {low, high, axis.scale};
}

double text_width(std::string_view text) {
  const auto wide = std::count_if(text.begin(), text.end(), [](char c) {
    return std::string_view("%@MWmw").find(c) != std::string_view::npos;
  });
  return kCharacterWidth *
         (static_cast<double>(count_characters(text)) + 0.7 * static_cast<double>(wide));
}

std::string pixel(double value) {
  std::string text = fmt::format("{:.1f}", std::clamp(value, -5000.0, 5000.0));
  if (text.ends_with(".0")) text.erase(text.size() - 2);
  return text == "-0" ? "0" : text;
}

std::string tooltip(const std::string& text) {
  return fmt::format("<title>{}</title>", escape_markup(text));
}

std::string series_class(std::size_t index) {
  const auto colours = static_cast<std::size_t>(kSeriesColours);
  return fmt::format("s{}{}", index % colours, index < colours ? "" : " second-round");
}

PlotFrame::PlotFrame(FrameOptions options) : options_(std::move(options)) {
  FrameOptions& o = options_;
  const auto is_hidden = [](const Range& range) {
    return [&range](const Marker& marker) { return !range.holds(marker.at); };
  };
  std::erase_if(o.vertical_markers, is_hidden(o.x_range));
  std::erase_if(o.horizontal_markers, is_hidden(o.y_range));
  if (!o.has_data) {
    o.vertical_markers.clear();
    o.horizontal_markers.clear();
  }
  std::sort(o.vertical_markers.begin(), o.vertical_markers.end(),
            [](const Marker& a, const Marker& b) { return a.at < b.at; });

  left_ = std::max(o.left, 8.0);
  if (o.y_ticks && o.has_data) {
    y_ticks_ = make_ticks(o.y_range.from, o.y_range.to, o.y_range.scale, 5);
    for (const Tick& tick : y_ticks_) left_ = std::max(left_, text_width(tick.label) + 10);
  }
  right_ = kWidth - o.right;
  place_x_ticks();
  place_vertical_labels();

  double legend_height = 0;
  double end = 0;
  for (const LegendEntry& entry : o.legend) {
    const double width = 26 + text_width(shorten(entry.name, kLongestName));
    if (legend_height == 0 || end + width > kWidth) {
      legend_height += kLegendRow;
      end = 0;
    }
    end += width + 14;
  }
  top_ = legend_height + (o.y_label.empty() ? 0 : kLabelRow) + label_rows_ * kLabelRow + 12;
  bottom_ = top_ + o.plot_height;
  height_ = bottom_ + std::max(o.below, x_ticks_.empty() ? 0.0 : 20.0) +
            (o.x_label.empty() ? 0 : kLabelRow + 1) + 6;
}

void PlotFrame::place_x_ticks() {
  FrameOptions& o = options_;
  if (!o.x_ticks || !o.has_data) return;
  for (int target = 7; target >= 1; --target) {
    x_ticks_ = make_ticks(o.x_range.from, o.x_range.to, o.x_range.scale, target);
    if (labels_fit(x_ticks_, o.x_range, left_, right_)) break;
  }
  if (o.x_range.scale == Scale::kDate) o.x_label += year_note(x_ticks_);
}

void PlotFrame::place_vertical_labels() {
  std::vector<double> row_ends;
  for (Marker& marker : options_.vertical_markers) {
    marker.label = shorten(marker.label.empty() ? " " : marker.label, kLongestName);
    const double width = text_width(marker.label);
    const double start = centred(x(marker.at), width);
    std::size_t row = 0;
    while (row < row_ends.size() && row_ends[row] + 8 > start) ++row;
    if (row == row_ends.size()) row_ends.push_back(0);
    row_ends[row] = start + width;
    vertical_labels_.push_back({start, static_cast<int>(row)});
  }
  label_rows_ = static_cast<int>(row_ends.size());
}

std::string PlotFrame::draw_legend() const {
  std::string out;
  double start = 0;
  double row = 0;
  for (const LegendEntry& entry : options_.legend) {
    const std::string name = shorten(entry.name, kLongestName);
    const double width = 26 + text_width(name);
    if (start > 0 && start + width > kWidth) {
      start = 0;
      row += kLegendRow;
    }
    const std::string middle = pixel(row + 10);
    out += fmt::format("<g class=\"{}\">", entry.css_class);
    switch (entry.shape) {
      case LegendShape::kLine:
      case LegendShape::kReference:
        out += fmt::format("<path class=\"{}\" d=\"M{} {}h20\"/>",
                           entry.shape == LegendShape::kLine ? "line" : "line reference",
                           pixel(start + 1), middle);
        break;
      case LegendShape::kSquare:
        out += fmt::format("<rect class=\"bar\" x=\"{}\" y=\"{}\" width=\"19\" height=\"12\"/>",
                           pixel(start + 1), pixel(row + 4));
        break;
      case LegendShape::kDot:
        out += fmt::format("<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"4.5\"/>",
                           pixel(start + 13), middle);
        break;
    }
    out += fmt::format("<text class=\"strong\" x=\"{}\" y=\"{}\">{}</text></g>\n",
                       pixel(start + 26), pixel(row + 14.5), escape_markup(name));
    start += width + 14;
  }
  return out;
}

std::string PlotFrame::draw_axes() const {
  std::string out;
  for (const Tick& tick : y_ticks_) {
    const double at = y(tick.value);
    out += fmt::format("<path class=\"grid-line\" d=\"M{} {}H{}\"/>", pixel(left_), pixel(at),
                       pixel(right_));
    if (tick.label.empty()) continue;
    out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", pixel(left_ - 6),
                       pixel(at + 4.3), escape_markup(tick.label));
  }
  for (const Tick& tick : x_ticks_) {
    const double at = x(tick.value);
    out += fmt::format("<path class=\"grid-line\" d=\"M{} {}V{}\"/>", pixel(at), pixel(top_),
                       pixel(bottom_ + 4));
    if (tick.label.empty()) continue;
    const double width = text_width(tick.label);
    out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                       pixel(centred(at, width) + width / 2), pixel(bottom_ + 17),
                       escape_markup(tick.label));
  }
  return out;
}

std::string PlotFrame::draw_vertical_markers() const {
  std::string lines;
  std::string labels;
  for (std::size_t i = 0; i < vertical_labels_.size(); ++i) {
    const Marker& marker = options_.vertical_markers[i];
    const PlacedLabel& label = vertical_labels_[i];
    const double base = top_ - 5 - label.row * kLabelRow;
    const double at = x(marker.at);
    lines += fmt::format("<path class=\"marker\" d=\"M{} {}V{}\"><title>{}</title></path>\n",
                         pixel(at), pixel(base + 3), pixel(bottom_), escape_markup(marker.label));
    labels += fmt::format(
        "<text class=\"strong halo\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}"
        "</text>\n",
        pixel(label.x + text_width(marker.label) / 2), pixel(base), escape_markup(marker.label));
  }
  return lines + labels;
}

std::string PlotFrame::draw_horizontal_markers() const {
  struct Box {
    double left, right, top;
  };
  constexpr double kTextHeight = 15;
  std::vector<Box> taken;
  std::string lines;
  std::string labels;
  for (const Marker& marker : options_.horizontal_markers) {
    const double at = y(marker.at);
    const std::string label = shorten(marker.label, kLongestName);
    const double width = text_width(label);
    lines += fmt::format("<path class=\"marker\" d=\"M{} {}H{}\"><title>{}</title></path>\n",
                         pixel(left_), pixel(at), pixel(right_), escape_markup(marker.label));
    // Above the line or below it, right or left: the first place that is free.
    Box place{right_ - 4 - width, right_ - 4, at - 3 - kTextHeight};
    for (const bool is_left : {false, true}) {
      bool found = false;
      for (const bool is_below : {false, true}) {
        const double start = is_left ? left_ + 4 : right_ - 4 - width;
        const Box box{start, start + width, is_below ? at + 2 : at - 3 - kTextHeight};
        const bool inside = box.top >= top_ - 2 && box.top + kTextHeight <= bottom_;
        const bool is_free = std::none_of(taken.begin(), taken.end(), [&](const Box& other) {
          return box.left < other.right && other.left < box.right &&
                 std::abs(box.top - other.top) < kTextHeight;
        });
        if (!inside || !is_free) continue;
        place = box;
        found = true;
        break;
      }
      if (found) break;
    }
    taken.push_back(place);
    labels += fmt::format(
        "<text class=\"strong halo\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}"
        "</text>\n",
        pixel(place.left < left_ + 5 ? place.left : place.right), pixel(place.top + 12),
        place.left < left_ + 5 ? "start" : "end", escape_markup(label));
  }
  return lines + labels;
}

std::string PlotFrame::draw(const std::string& clipped, const std::string& above) const {
  const FrameOptions& o = options_;
  std::string out =
      fmt::format("<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n{}",
                  pixel(kWidth), pixel(height_), escape_markup(o.title), tooltip(o.title));
  if (!o.description.empty()) out += fmt::format("<desc>{}</desc>", escape_markup(o.description));
  out += "\n" + draw_legend();
  const auto most_characters = static_cast<std::size_t>(kWidth / kCharacterWidth);
  if (!o.y_label.empty()) {
    out += fmt::format("<text x=\"0\" y=\"{}\">{}</text>\n",
                       pixel(top_ - 14 - label_rows_ * kLabelRow),
                       escape_markup(shorten(o.y_label, most_characters)));
  }
  if (o.has_data) {
    // An inner picture cuts at its edge, without an id as a clip path would need.
    out += draw_axes();
    out += fmt::format(
        "<svg x=\"{0}\" y=\"{1}\" width=\"{2}\" height=\"{3}\" "
        "viewBox=\"{0} {1} {2} {3}\">\n{4}</svg>\n",
        pixel(left_ - 1), pixel(top_ - 1), pixel(right_ - left_ + 2), pixel(bottom_ - top_ + 2),
        clipped);
  } else {
    out += fmt::format(
        "<text class=\"strong\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">no data"
        "</text>\n",
        pixel((left_ + right_) / 2), pixel((top_ + bottom_) / 2));
  }
  out += fmt::format("<path class=\"axis-line\" d=\"M{} {}H{}\"/>\n", pixel(left_), pixel(bottom_),
                     pixel(right_));
  if (o.has_data) out += above + draw_vertical_markers() + draw_horizontal_markers();
  if (!o.x_label.empty()) {
    out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", pixel(right_),
                       pixel(height_ - 8), escape_markup(shorten(o.x_label, most_characters)));
  }
  return out + "</svg>\n";
}

}  // namespace weir::report

#include "edge/metrics/exposition.h"

#include <fmt/format.h>

#include <iterator>

#include "core/transaction/error.h"

namespace weir::metrics {
namespace {

void append_escaped(std::string& out, std::string_view value) {
  for (const char letter : value) {
    if (letter == '\\' || letter == '"') out += '\\';
    if (letter == '\n') {
      out += "\\n";
    } else {
      out += letter;
    }
  }
}

}  // namespace

std::string_view content_type(Format format) {
  return format == Format::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

const Family& Exposition::begin(Metric metric) {
  const Family& family = family_of(metric);
  const int index = static_cast<int>(metric);
  if (index == current_) return family;
  WEIR_CHECK(index > current_);
  current_ = index;
  // OpenMetrics names a family without the suffix of its samples.
  std::string_view name = family.name;
  std::string_view type = type_name(family.type);
  if (format_ == Format::kOpenMetrics) {
    if (family.type == Type::kCounter) name.remove_suffix(std::string_view("_total").size());
    if (family.type == Type::kInfo) {
      name.remove_suffix(std::string_view("_info").size());
      type = "info";
    }
  }
  fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, family.help, name,
                 type);
  return family;
}

std::string Exposition::label_text(const Family& family,
                                   std::initializer_list<std::string_view> labels) const {
  std::string text;
  std::string_view names = family.labels;
  for (const std::string_view value : labels) {
    WEIR_CHECK(!names.empty());
    const auto comma = names.find(',');
    if (!text.empty()) text += ',';
    text += names.substr(0, comma);
    text += "=\"";
    append_escaped(text, value);
    text += '"';
    names.remove_prefix(comma == std::string_view::npos ? names.size() : comma + 1);
  }
  WEIR_CHECK(names.empty());
  return text;
}

void Exposition::sample(Metric metric,
                        std::initializer_list<std::string_view> labels,
                        double value) {
  const Family& family = begin(metric);
  const std::string text = label_text(family, labels);
  text_ += family.name;
  if (!text.empty()) fmt::format_to(std::back_inserter(text_), "{{{}}}", text);
  fmt::format_to(std::back_inserter(text_), " {}\n", value);
}

void Exposition::histogram(Metric metric,
                           std::initializer_list<std::string_view> labels,
                           const Histogram& histogram) {
  const Family& family = begin(metric);
  const std::string text = label_text(family, labels);
  const std::string first = text.empty() ? text : text + ",";
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
    below += histogram.counts()[i];
    const std::string bound =
        i < histogram.bounds().size() ? fmt::format("{}", histogram.bounds()[i]) : "+Inf";
    fmt::format_to(std::back_inserter(text_), "{}_bucket{{{}le=\"{}\"}} {}\n", family.name, first,
                   bound, below);
  }
  const std::string braces = text.empty() ? text : "{" + text + "}";
  fmt::format_to(std::back_inserter(text_), "{}_sum{} {}\n{}_count{} {}\n", family.name, braces,
                 histogram.sum(), family.name, braces, histogram.count());
}

std::string Exposition::finish() {
  if (format_ == Format::kOpenMetrics) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace weir::metrics

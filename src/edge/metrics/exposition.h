#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "edge/metrics/catalogue.h"
#include "edge/metrics/histogram.h"

namespace weir::metrics {

enum class Format { kPrometheus, kOpenMetrics };

/// Writes the page that Prometheus reads. Families must come in the catalogue's order, each with
/// as many label values as it has names: anything else is a bug.
class Exposition {
 public:
  explicit Exposition(Format format) : format_(format) {}

  void sample(Metric metric, std::initializer_list<std::string_view> labels, double value);
  void sample(Metric metric, double value) { sample(metric, {}, value); }
  void histogram(Metric metric,
                 std::initializer_list<std::string_view> labels,
                 const Histogram& histogram);

  /// The whole page.
  std::string finish();

 private:
  const Family& begin(Metric metric);
  std::string label_text(const Family& family,
                         std::initializer_list<std::string_view> labels) const;

  Format format_;
  std::string text_;
  int current_ = -1;
};

/// The Content-Type of a format.
std::string_view content_type(Format format);

}  // namespace weir::metrics

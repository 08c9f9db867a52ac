#include "edge/metrics/exposition.h"

#include <gtest/gtest.h>

namespace weir::metrics {
namespace {

std::string page(Format format) {
  const double bounds[] = {0.5, 2};
  Histogram histogram(bounds);
  histogram.observe(1);
  Exposition page(format);
  page.sample(Metric::kBuildInfo, {"1 \"x\"", "g\\c\nc"}, 1);
  page.sample(Metric::kReady, 1);
  page.sample(Metric::kHttpRequests, {"decide", "200"}, 3);
  page.sample(Metric::kHttpRequests, {"decide", "503"}, 1);
  page.histogram(Metric::kHttpRequestSeconds, {"decide"}, histogram);
  page.histogram(Metric::kDecisionProbability, {}, histogram);
  return page.finish();
}

TEST(Exposition, IsPrometheusText) {
  EXPECT_EQ(page(Format::kPrometheus),
            R"(# HELP weir_build_info The build that runs; always 1
# TYPE weir_build_info gauge
weir_build_info{version="1 \"x\"",compiler="g\\c\nc"} 1
# HELP weir_ready 1 when payments are answered: the journal is read and can be written
# TYPE weir_ready gauge
weir_ready 1
# HELP weir_http_requests_total Requests answered
# TYPE weir_http_requests_total counter
weir_http_requests_total{endpoint="decide",status="200"} 3
weir_http_requests_total{endpoint="decide",status="503"} 1
# HELP weir_http_request_seconds From a whole request to its answer, without the wait for its commit
# TYPE weir_http_request_seconds histogram
weir_http_request_seconds_bucket{endpoint="decide",le="0.5"} 0
weir_http_request_seconds_bucket{endpoint="decide",le="2"} 1
weir_http_request_seconds_bucket{endpoint="decide",le="+Inf"} 1
weir_http_request_seconds_sum{endpoint="decide"} 1
weir_http_request_seconds_count{endpoint="decide"} 1
# HELP weir_decision_probability Calibrated probability of fraud of the payments decided
# TYPE weir_decision_probability histogram
weir_decision_probability_bucket{le="0.5"} 0
weir_decision_probability_bucket{le="2"} 1
weir_decision_probability_bucket{le="+Inf"} 1
weir_decision_probability_sum 1
weir_decision_probability_count 1
)");
}

TEST(Exposition, IsOpenMetricsWhereAskedFor) {
  const std::string text = page(Format::kOpenMetrics);
  EXPECT_NE(text.find("# TYPE weir_build info\n"), std::string::npos) << text;
  EXPECT_NE(text.find("# TYPE weir_http_requests counter\n"), std::string::npos) << text;
  EXPECT_NE(text.find("weir_http_requests_total{"), std::string::npos);
  EXPECT_TRUE(text.ends_with("# EOF\n"));
}

TEST(ExpositionDeathTest, FailsForLabelsThatTheCatalogueDoesNotHave) {
  Exposition page(Format::kPrometheus);
  EXPECT_DEATH(page.sample(Metric::kReady, {"x"}, 1), "");
  EXPECT_DEATH(page.sample(Metric::kBuildInfo, {"x"}, 1), "");
}

}  // namespace
}  // namespace weir::metrics

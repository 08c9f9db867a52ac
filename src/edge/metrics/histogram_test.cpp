#include "edge/metrics/histogram.h"

#include <gtest/gtest.h>

namespace weir::metrics {
namespace {

TEST(Histogram, CountsAValueAtItsBoundBelowIt) {
  const double bounds[] = {1, 2};
  Histogram histogram(bounds);
  for (const double value : {0.5, 1.0, 1.5, 2.0, 3.0}) histogram.observe(value);
  EXPECT_EQ(histogram.counts()[0], 2);
  EXPECT_EQ(histogram.counts()[1], 2);
  EXPECT_EQ(histogram.counts()[2], 1);
  EXPECT_EQ(histogram.count(), 5);
  EXPECT_EQ(histogram.sum(), 0.5 + 1 + 1.5 + 2 + 3);
}

}  // namespace
}  // namespace weir::metrics

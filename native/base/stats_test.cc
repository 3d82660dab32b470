#include "base/stats.h"

#include <cmath>

#include "testing/test.h"

namespace unionfs {
namespace {

bool near(double value, double wanted) { return std::abs(value - wanted) <= wanted * 0.07; }

TEST("an empty histogram is all zeros") {
  const LatencyHistogram histogram;
  const LatencySummary summary = histogram.summary();
  EXPECT_EQ(summary.count, 0U);
  EXPECT_EQ(summary.max, 0.0);
}

TEST("percentiles are right to seven percent over five decades") {
  for (uint64_t scale = 1; scale <= 100'000; scale *= 10) {
    LatencyHistogram histogram;
    for (uint64_t i = 1; i <= 1000; ++i) histogram.record(i * scale * 1000, i % 100 == 0);
    const LatencySummary summary = histogram.summary();
    const auto unit = static_cast<double>(scale);
    EXPECT_EQ(summary.count, 1000U);
    EXPECT_EQ(summary.errors, 10U);
    EXPECT(near(summary.p50, 500 * unit));
    EXPECT(near(summary.p90, 900 * unit));
    EXPECT(near(summary.p99, 990 * unit));
    EXPECT_EQ(summary.max, 1000 * unit);
  }
}

TEST("times beyond the last bucket are counted and the maximum is exact") {
  LatencyHistogram histogram;
  histogram.record(0, false);
  histogram.record(~uint64_t{0} >> 1, false);
  EXPECT_EQ(histogram.summary().count, 2U);
  EXPECT(histogram.summary().max > 9e15);
}

}  // namespace
}  // namespace unionfs

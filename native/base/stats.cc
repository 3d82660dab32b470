// stats.cc - filling and reading the histogram.
#include "base/stats.h"

#include <algorithm>
#include <bit>

namespace unionfs {
namespace {
constexpr double kPerMicrosecond = 1000.0;
}  // namespace

size_t LatencyHistogram::bucketOf(uint64_t nanoseconds) {
  if (nanoseconds < (1ULL << kFirstExponent)) return 0;
  const auto exponent = static_cast<unsigned>(std::bit_width(nanoseconds) - 1);
  if (exponent >= kLastExponent) return kBuckets - 1;
  const uint64_t step = (nanoseconds >> (exponent - kStepBits)) & ((1U << kStepBits) - 1);
  return 1 + ((static_cast<size_t>(exponent) - kFirstExponent) << kStepBits) + step;
}

double LatencyHistogram::middleOf(size_t bucket) {
  if (bucket == 0) return static_cast<double>(1ULL << (kFirstExponent - 1));
  if (bucket == kBuckets - 1) return static_cast<double>(1ULL << kLastExponent);
  const size_t exponent = kFirstExponent + ((bucket - 1) >> kStepBits);
  const size_t step = (bucket - 1) & ((1U << kStepBits) - 1);
  const double width = static_cast<double>(1ULL << (exponent - kStepBits));
  return static_cast<double>(1ULL << exponent) + (static_cast<double>(step) + 0.5) * width;
}

void LatencyHistogram::record(uint64_t nanoseconds, bool failed) {
  buckets_[bucketOf(nanoseconds)].fetch_add(1, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
  total_.fetch_add(nanoseconds, std::memory_order_relaxed);
  if (failed) errors_.fetch_add(1, std::memory_order_relaxed);
  uint64_t seen = max_.load(std::memory_order_relaxed);
  while (nanoseconds > seen && !max_.compare_exchange_weak(seen, nanoseconds, std::memory_order_relaxed)) {
  }
}

LatencySummary LatencyHistogram::summary() const {
  std::array<uint64_t, kBuckets> copy{};
  uint64_t sum = 0;
  for (size_t i = 0; i < kBuckets; ++i) sum += copy[i] = buckets_[i].load(std::memory_order_relaxed);
  const double max = static_cast<double>(max_.load(std::memory_order_relaxed));

  const auto percentile = [&](double part) {
    const auto wanted = static_cast<uint64_t>(part * static_cast<double>(sum));
    uint64_t before = 0;
    for (size_t i = 0; i < kBuckets; ++i) {
      before += copy[i];
      if (before > wanted) return std::min(middleOf(i), max) / kPerMicrosecond;
    }
    return max / kPerMicrosecond;
  };

  LatencySummary out;
  out.count = sum;
  out.errors = errors_.load(std::memory_order_relaxed);
  if (sum == 0) return out;
  out.p50 = percentile(0.50);
  out.p90 = percentile(0.90);
  out.p99 = percentile(0.99);
  out.max = max / kPerMicrosecond;
  out.total = static_cast<double>(total_.load(std::memory_order_relaxed)) / kPerMicrosecond;
  return out;
}

}  // namespace unionfs

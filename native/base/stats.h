// stats.h - a latency histogram that many threads fill without a lock.
//
// Buckets grow by powers of two with eight steps each, so a percentile is right to about 6 %. Reading while others
// write gives a picture that may be some records old, never a torn one.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace unionfs {

// Figures in microseconds.
struct LatencySummary {
  uint64_t count = 0, errors = 0;
  double p50 = 0, p90 = 0, p99 = 0, max = 0, total = 0;
};

class LatencyHistogram {
 public:
  void record(uint64_t nanoseconds, bool failed);
  [[nodiscard]] LatencySummary summary() const;
  [[nodiscard]] uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  static constexpr unsigned kStepBits = 3;
  static constexpr unsigned kFirstExponent = 7;  // below 128 ns all is one bucket
  static constexpr unsigned kLastExponent = 37;  // above 137 s all is one bucket
  static constexpr size_t kBuckets = ((kLastExponent - kFirstExponent) << kStepBits) + 2;

  static size_t bucketOf(uint64_t nanoseconds);
  static double middleOf(size_t bucket);

  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
  std::atomic<uint64_t> count_{0}, errors_{0}, total_{0}, max_{0};
};

}  // namespace unionfs

// mutex.h - a four-byte lock for objects that exist by the million.
//
// Satisfies Lockable. Sleeps in the kernel (std::atomic wait) only when contended. Not recursive, not fair.
#pragma once

#include <atomic>
#include <cstdint>

namespace unionfs {

class SmallMutex {
 public:
  bool try_lock() {
    uint32_t expected = kFree;
    return state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire);
  }
  void lock() {
    if (try_lock()) return;
    while (state_.exchange(kContended, std::memory_order_acquire) != kFree) state_.wait(kContended, std::memory_order_relaxed);
  }
  void unlock() {
    if (state_.exchange(kFree, std::memory_order_release) == kContended) state_.notify_one();
  }

 private:
  static constexpr uint32_t kFree = 0, kHeld = 1, kContended = 2;
  std::atomic<uint32_t> state_{kFree};
};

}  // namespace unionfs

// in_flight.cc - marking requests as interrupted.
#include "fuse/in_flight.h"

namespace unionfs {

const std::atomic<bool>* InFlight::Slot::begin(uint64_t unique) {
  const std::lock_guard lock(mu_);
  unique_ = unique;
  interrupted_.store(false, std::memory_order_relaxed);
  return &interrupted_;
}

void InFlight::Slot::end() {
  const std::lock_guard lock(mu_);
  unique_ = 0;
}

bool InFlight::interrupt(uint64_t unique) {
  for (Slot& slot : slots_) {
    const std::lock_guard lock(slot.mu_);
    if (slot.unique_ != unique) continue;
    slot.interrupted_.store(true, std::memory_order_relaxed);
    return true;
  }
  return false;
}

}  // namespace unionfs

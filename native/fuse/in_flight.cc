// in_flight.cc - marking requests as interrupted.
#include "fuse/in_flight.h"

#include <algorithm>

namespace unionfs {

InFlight::InFlight() {
  for (Slot& slot : slots_) slot.owner_ = this;
}

// An interrupt notes its request before it looks through the slots, and a slot is marked before the notes are looked
// through. Whichever of the two has the slot's lock first, the other sees what it did before.

const std::atomic<bool>* InFlight::Slot::begin(uint64_t unique) {
  {
    const std::lock_guard lock(mu_);
    unique_ = unique;
    interrupted_.store(false, std::memory_order_relaxed);
  }
  if (owner_->cameEarly(unique)) interrupted_.store(true, std::memory_order_relaxed);
  return &interrupted_;
}

void InFlight::Slot::end() {
  const std::lock_guard lock(mu_);
  unique_ = 0;
}

bool InFlight::cameEarly(uint64_t unique) const {
  return std::ranges::any_of(early_, [unique](const auto& noted) { return noted.load(std::memory_order_relaxed) == unique; });
}

bool InFlight::interrupt(uint64_t unique) {
  early_[nextEarly_.fetch_add(1, std::memory_order_relaxed) % kEarly].store(unique, std::memory_order_relaxed);
  for (Slot& slot : slots_) {
    const std::lock_guard lock(slot.mu_);
    if (slot.unique_ != unique) continue;
    slot.interrupted_.store(true, std::memory_order_relaxed);
    return true;
  }
  return false;
}

}  // namespace unionfs

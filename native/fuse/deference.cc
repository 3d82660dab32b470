// deference.cc - how much else may run, and whether giving way pays.
#include "fuse/deference.h"

#include <algorithm>

namespace unionfs {
namespace {

// Slower than that the client computes more than it waits, or somebody else has the core.
constexpr auto kSlowest = std::chrono::milliseconds(1);
// A try in vain costs some requests a few milliseconds each, and where there is no way back a thread.
constexpr unsigned kMostSkipped = 64;
constexpr unsigned kSkippedForGood = 16;

}  // namespace

bool Deference::look(uint64_t served, std::chrono::nanoseconds sinceLast) {
  // With one core there is no other for the client to be sent to.
  if (machine_.cores < 2) return false;
  if (giving_ && served > 0) {
    if (served * kSlowest >= sinceLast) {
      afterVain_ = 1;
    } else {
      giving_ = false;
      skip_ = std::max(afterVain_, machine_.wayBack ? 0 : kSkippedForGood);
      afterVain_ = std::min(afterVain_ * 2, kMostSkipped);
    }
  }
  if (skip_ > 0) {
    --skip_;
    return false;
  }
  giving_ = isRoomy();
  return giving_;
}

// A client for each core, the thread that serves it and could run while its client does, and the one that looks.
bool Deference::isRoomy() const {
  const auto runnable = machine_.runnable();
  return runnable && *runnable <= machine_.cores * 2 + 1;
}

}  // namespace unionfs

// placement.cc - when a look is worth its system calls.
#include "fuse/placement.h"

#include <algorithm>

namespace unionfs {
namespace {

using std::chrono::microseconds;

// Sooner than this no sleeping core was woken for the request.
constexpr auto kSameCore = microseconds(25);
// Later than this the client was busy with something else, and nobody waits long for round trips.
constexpr auto kPause = microseconds(5000);
// A client that computes between requests looks slow though it is near: look rarely.
constexpr unsigned kMostSkippedTogether = 32;
// Two clients on two cores would have the thread go to and fro.
constexpr unsigned kMostSkippedApart = 8;
// A move that lasts for fewer requests was in vain.
constexpr unsigned kWorthMoving = 2 * kMostSkippedApart;
constexpr unsigned kSkippedWhenUnknown = 1024;

}  // namespace

bool Placement::arrived(pid_t client, std::chrono::nanoseconds waited) {
  ++sinceMove_;
  if (waited < kSameCore || waited > kPause || client == 0) return false;
  if (skip_ == 0) return true;
  --skip_;
  return false;
}

void Placement::look(pid_t client, sys::Roaming then) {
  const auto core = machine_.of(client);
  if (!core) {
    skip_ = kSkippedWhenUnknown;
    return;
  }
  if (*core == machine_.mine()) {
    skip_ = afterTogether_;
    afterTogether_ = std::min(afterTogether_ * 2, kMostSkippedTogether);
    return;
  }
  afterTogether_ = 1;
  afterMove_ = sinceMove_ < kWorthMoving ? std::min(afterMove_ * 2, kMostSkippedApart) : 1;
  sinceMove_ = 0;
  skip_ = machine_.move(*core, then) ? afterMove_ - 1 : kSkippedWhenUnknown;
}

}  // namespace unionfs

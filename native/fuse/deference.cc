// deference.cc - how much else may run.
#include "fuse/deference.h"

namespace unionfs {
namespace {

// The one that looks, a client, and the thread that serves it and could run while its client does.
constexpr unsigned kOurs = 3;
// Looks in a row. Where there is no way back, a quiet that does not last costs a thread.
constexpr unsigned kQuietEnough = 1;
constexpr unsigned kQuietEnoughForGood = 8;

}  // namespace

bool Deference::look() {
  // With one core there is no other for the client to be sent to.
  if (machine_.cores < 2) return false;
  const auto runnable = machine_.runnable();
  const unsigned spare = machine_.cores / 2 - 1;
  const bool quiet = runnable && *runnable <= kOurs + spare;
  quietLooks_ = quiet ? quietLooks_ + 1 : 0;
  return quietLooks_ >= (machine_.wayBack ? kQuietEnough : kQuietEnoughForGood);
}

}  // namespace unionfs

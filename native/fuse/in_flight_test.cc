#include "fuse/in_flight.h"

#include <thread>

#include "testing/test.h"

namespace unionfs {
namespace {

TEST("an interrupt reaches the request it names, and no other") {
  InFlight inFlight;
  const auto* first = inFlight.slot(0).begin(2);
  const auto* second = inFlight.slot(1).begin(4);
  EXPECT(inFlight.interrupt(4));
  EXPECT(!first->load());
  EXPECT(second->load());
  inFlight.slot(1).end();
  EXPECT(!inFlight.slot(1).begin(6)->load());
}

TEST("an interrupt that is read before its request is begun is not lost") {
  InFlight inFlight;
  EXPECT(!inFlight.interrupt(2));
  EXPECT(!inFlight.slot(0).begin(4)->load());
  EXPECT(inFlight.slot(1).begin(2)->load());
}

TEST("an interrupt and the begin of its request may meet at any point") {
  InFlight inFlight;
  for (uint64_t unique = 2; unique < 4000; unique += 2) {
    std::thread reader([&inFlight, unique] { inFlight.interrupt(unique); });
    const auto* interrupted = inFlight.slot(0).begin(unique);
    reader.join();
    EXPECT(interrupted->load());
    inFlight.slot(0).end();
  }
}

}  // namespace
}  // namespace unionfs

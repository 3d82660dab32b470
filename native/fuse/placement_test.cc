#include "fuse/placement.h"

#include "testing/test.h"

namespace unionfs {
namespace {

using namespace std::chrono_literals;

constexpr pid_t kClient = 7;

// Two cores, a client on one of them and the thread on the other.
struct TwoCores {
  unsigned mine = 0;
  std::optional<unsigned> client = 1;
  bool mayMove = true;
  unsigned looks = 0;
  unsigned moves = 0;

  Placement::Machine machine() {
    return {.mine = [this] { return mine; },
            .of =
                [this](pid_t) {
                  ++looks;
                  return client;
                },
            .move =
                [this](unsigned core, sys::Roaming) {
                  ++moves;
                  if (mayMove) mine = core;
                  return mayMove;
                }};
  }
};

void arrive(Placement& placement, unsigned times, std::chrono::nanoseconds waited) {
  for (unsigned i = 0; i < times; ++i) {
    if (placement.arrived(kClient, waited)) placement.look(kClient, sys::Roaming::free);
  }
}

TEST("a slow rhythm takes the thread to the core of its client, once") {
  TwoCores cores;
  Placement placement(cores.machine());
  arrive(placement, 1, 200us);
  EXPECT_EQ(cores.mine, 1U);
  arrive(placement, 1000, 4us);
  EXPECT_EQ(cores.moves, 1U);
  EXPECT_EQ(cores.looks, 1U);
}

TEST("fast requests, long pauses and clients without a number are not looked at") {
  TwoCores cores;
  Placement placement(cores.machine());
  arrive(placement, 100, 4us);
  arrive(placement, 100, 50ms);
  EXPECT(!placement.arrived(0, 200us));
  EXPECT_EQ(cores.looks, 0U);
}

TEST("a near client that computes between its requests is looked at rarely") {
  TwoCores cores{.mine = 1};
  Placement placement(cores.machine());
  arrive(placement, 3300, 60us);
  EXPECT(cores.looks > 50 && cores.looks < 120);
  EXPECT_EQ(cores.moves, 0U);
}

TEST("clients on both cores do not drag the thread to and fro with every request") {
  TwoCores cores;
  Placement placement(cores.machine());
  for (unsigned i = 0; i < 800; ++i) {
    cores.client = i % 2;
    arrive(placement, 1, 100us);
  }
  EXPECT(cores.moves < 110);
}

TEST("where clients cannot be seen, or the thread may not move, it soon stops trying") {
  TwoCores hidden{.client = std::nullopt};
  Placement blind(hidden.machine());
  arrive(blind, 2000, 100us);
  EXPECT_EQ(hidden.looks, 2U);
  TwoCores pinned{.mayMove = false};
  Placement fixed(pinned.machine());
  arrive(fixed, 2000, 100us);
  EXPECT_EQ(pinned.moves, 2U);
}

}  // namespace
}  // namespace unionfs

#include "fuse/deference.h"

#include "testing/test.h"

namespace unionfs {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kMany = 400;
constexpr auto kTick = 4ms;

struct Load {
  std::optional<unsigned> runnable = 2;
  unsigned asked = 0;

  Deference::Machine machine(unsigned cores, bool wayBack = true) {
    return {.runnable =
                [this] {
                  ++asked;
                  return runnable;
                },
            .cores = cores,
            .wayBack = wayBack};
  }
};

TEST("threads give way while no more want to run than clients and those who serve them") {
  Load load;
  Deference deference(load.machine(2));
  EXPECT(deference.look(0, kTick));
  load.runnable = 5;
  EXPECT(deference.look(kMany, kTick));
  load.runnable = 6;
  EXPECT(!deference.look(kMany, kTick));
  load.runnable = 2;
  EXPECT(deference.look(kMany, kTick));
}

TEST("who gets no thousand requests a second served while giving way competes, and tries again more and more rarely") {
  Load load;
  Deference deference(load.machine(2));
  unsigned tries = 0;
  for (int tick = 0; tick < 1000; ++tick) tries += deference.look(1, kTick) ? 1 : 0;
  EXPECT(tries > 10 && tries < 25);
  while (!deference.look(kMany, kTick)) {
  }
  EXPECT(deference.look(kMany, kTick));  // it pays again
  EXPECT(!deference.look(1, kTick));
  EXPECT(deference.look(kMany, kTick));
}

TEST("a pause says nothing about whether giving way pays") {
  Load load;
  Deference deference(load.machine(2));
  EXPECT(deference.look(kMany, kTick));
  EXPECT(deference.look(0, kTick));
  deference.pause();
  EXPECT(deference.look(1, 1h));
  EXPECT(deference.look(kMany, kTick));
}

TEST("where there is no way back a try in vain is not soon repeated") {
  Load load;
  Deference deference(load.machine(2, false));
  EXPECT(deference.look(kMany, kTick));
  unsigned skipped = 0;
  while (!deference.look(1, kTick)) ++skipped;
  EXPECT_EQ(skipped, 16U);
}

TEST("nobody gives way on one core, or where the load cannot be seen") {
  Load load;
  Deference one(load.machine(1)), blind(load.machine(2));
  for (int i = 0; i < 5; ++i) EXPECT(!one.look(kMany, kTick));
  EXPECT_EQ(load.asked, 0U);
  load.runnable = std::nullopt;
  for (int i = 0; i < 5; ++i) EXPECT(!blind.look(kMany, kTick));
}

}  // namespace
}  // namespace unionfs

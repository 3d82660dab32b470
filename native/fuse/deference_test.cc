#include "fuse/deference.h"

#include "testing/test.h"

namespace unionfs {
namespace {

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

TEST("threads give way while the machine is quiet") {
  Load load;
  Deference deference(load.machine(2));
  EXPECT(deference.look());
  load.runnable = 3;  // looking, asking, and about to read the next request
  EXPECT(deference.look());
  load.runnable = 4;
  EXPECT(!deference.look());
  load.runnable = 2;
  EXPECT(deference.look());
}

TEST("on many cores half of them may be busy") {
  Load load;
  Deference deference(load.machine(16));
  load.runnable = 10;
  EXPECT(deference.look());
  load.runnable = 11;
  EXPECT(!deference.look());
}

TEST("where there is no way back it takes longer until threads give way") {
  Load load;
  Deference forGood(load.machine(2, false));
  unsigned looks = 1;
  while (!forGood.look() && looks < 100) ++looks;
  EXPECT_EQ(looks, 8U);
}

TEST("nobody gives way on one core, or where the load cannot be seen") {
  Load load;
  Deference one(load.machine(1)), blind(load.machine(2));
  for (int i = 0; i < 5; ++i) EXPECT(!one.look());
  EXPECT_EQ(load.asked, 0U);
  load.runnable = std::nullopt;
  for (int i = 0; i < 5; ++i) EXPECT(!blind.look());
}

}  // namespace
}  // namespace unionfs

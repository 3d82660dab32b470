#include "sys/fault.h"

#include <fcntl.h>

#include "sys/open.h"
#include "sys/tree.h"
#include "testing/fault_loop.h"
#include "testing/layer_fixture.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using testing::TempDir;

// Three changing calls; the first failure ends it.
Status threeSteps(const TempDir& temp) {
  TRY_ASSIGN(const Fd root, sys::openPath(temp.path().string(), O_RDONLY | O_DIRECTORY));
  TRY(sys::mkdir({root.get(), "a"}, 0755));
  TRY(sys::rename({root.get(), "a"}, {root.get(), "b"}));
  return sys::symlink("b", {root.get(), "c"});
}

TEST("unarmed, every call is made") {
  const TempDir temp;
  EXPECT(threeSteps(temp).ok());
  EXPECT_EQ(testing::dumpTree(temp.path()), "b/\nc -> b\n");
}

TEST("the Nth changing call is not made, and fails with the errno of the plan") {
  const char* const left[] = {"", "a/\n", "b/\n"};
  for (uint64_t at = 1; at <= 3; ++at) {
    const TempDir temp;
    fault::arm({.effect = fault::Effect::fail, .at = at, .error = EDQUOT});
    EXPECT(threeSteps(temp).failsWith(EDQUOT));
    EXPECT_EQ(fault::passed(), at);
    fault::disarm();
    EXPECT_EQ(testing::dumpTree(temp.path()), left[at - 1]);
  }
}

TEST("a fault strikes once, and counting alone strikes nobody") {
  const TempDir temp;
  fault::arm({.effect = fault::Effect::fail, .at = 1, .error = EIO});
  EXPECT(threeSteps(temp).failsWith(EIO));
  EXPECT(threeSteps(temp).ok());
  fault::arm({});
  const TempDir other;
  EXPECT(threeSteps(other).ok());
  EXPECT_EQ(fault::passed(), 3U);
  fault::disarm();
}

TEST("the loop denies each call in turn and ends when nothing is denied") {
  std::string seen;
  const uint64_t calls = testing::forEachFault(fault::Effect::die, [&seen](testing::FaultAttempt& attempt) {
    const TempDir temp;
    attempt.run([&temp] { EXPECT(threeSteps(temp).ok()); });
    seen += testing::dumpTree(temp.path()) + "|";
  });
  EXPECT_EQ(calls, 3U);
  EXPECT_EQ(seen, "|a/\n|b/\n|b/\nc -> b\n|");
}

}  // namespace
}  // namespace unionfs

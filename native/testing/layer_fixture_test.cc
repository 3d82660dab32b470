#include "testing/layer_fixture.h"

#include "testing/test.h"

namespace unionfs {
namespace {

TEST("a literal tree is dumped as it was written") {
  const testing::TempDir temp;
  const std::string tree =
      "a = one\\ntwo\\n\n"
      "d/\n"
      "d/link -> ../a\n"
      "d/pipe fifo\n"
      "empty = \n";
  EXPECT(testing::writeTree(temp.path() / "t", tree));
  EXPECT_EQ(testing::dumpTree(temp.path() / "t"), tree);
}

TEST("modes are written and dumped when asked for") {
  const testing::TempDir temp;
  EXPECT(testing::writeTree(temp.path() / "t", "f@0640 = x\nd@0700/"));
  EXPECT_EQ(testing::dumpTree(temp.path() / "t", {.modes = true}), "d@0700/\nf@0640 = x\n");
}

TEST("whiteouts and opaque directories are written and dumped") {
  if (!testing::mayMakeMarkers()) SKIP("needs the right to make devices and trusted xattrs");
  const testing::TempDir temp;
  EXPECT(testing::writeTree(temp.path() / "t", "d/ opaque\nd/x = y\ngone whiteout"));
  EXPECT_EQ(testing::dumpTree(temp.path() / "t"), "d/ opaque\nd/x = y\ngone whiteout\n");
}

}  // namespace
}  // namespace unionfs

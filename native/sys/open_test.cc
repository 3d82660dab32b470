#include "sys/open.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "sys/io.h"
#include "sys/stat.h"
#include "sys/tree.h"
#include "testing/layer_fixture.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using testing::TempDir;
using testing::writeTree;

Fd rootOf(const TempDir& temp) {
  auto fd = sys::openPath(temp.path().string(), O_RDONLY | O_DIRECTORY);
  return fd.ok() ? std::move(*fd) : Fd();
}

int errnoOf(const Result<Fd>& fd) { return fd.ok() ? 0 : fd.error().value(); }

TEST("opening a name never follows a symlink") {
  const TempDir temp;
  EXPECT(writeTree(temp.path(), "f = x\nlink -> f\ndir/\ndlink -> dir\ndangling -> nowhere"));
  const Fd root = rootOf(temp);
  EXPECT_EQ(errnoOf(sys::open({root.get(), "f"}, O_RDONLY)), 0);
  EXPECT_EQ(errnoOf(sys::open({root.get(), "link"}, O_RDONLY)), ELOOP);
  EXPECT_EQ(errnoOf(sys::open({root.get(), "dangling"}, O_RDONLY)), ELOOP);
  EXPECT_EQ(errnoOf(sys::open({root.get(), "dlink"}, O_RDONLY | O_DIRECTORY)), ENOTDIR);
  EXPECT_EQ(errnoOf(sys::open({root.get(), "absent"}, O_RDONLY)), ENOENT);
  const auto itself = sys::open({root.get(), "link"}, O_PATH);
  EXPECT(itself.ok() && S_ISLNK(sys::stat({itself->get(), ""})->mode));
}

TEST("a path below a root leads neither through a symlink nor out of it") {
  const TempDir temp;
  EXPECT(writeTree(temp.path(),
                   "out = secret\nroot/\nroot/a/\nroot/a/b/\nroot/a/b/f = x\nroot/a/up -> ..\nroot/a/away -> /etc\nroot/a/f -> b/f"));
  const auto root = sys::openPath((temp.path() / "root").string(), O_RDONLY | O_DIRECTORY);
  REQUIRE(root.ok());
  const auto beneath = [&root](const char* path) { return errnoOf(sys::openBeneath(root->get(), path, O_RDONLY)); };
  EXPECT_EQ(beneath("a/b/f"), 0);
  EXPECT_EQ(beneath("."), 0);
  EXPECT_EQ(beneath("a/up/a"), ELOOP);
  EXPECT_EQ(beneath("a/away/passwd"), ELOOP);
  EXPECT_EQ(beneath("a/f"), ELOOP);
  EXPECT_EQ(beneath("../out"), EXDEV);
  EXPECT_EQ(beneath("a/../../out"), EXDEV);
  EXPECT_EQ(beneath("/etc/passwd"), EXDEV);
  EXPECT_EQ(beneath("a/none"), ENOENT);
}

TEST("a file is opened again through its own descriptor, with another access") {
  const TempDir temp;
  EXPECT(writeTree(temp.path(), "f = text"));
  const Fd root = rootOf(temp);
  const auto path = sys::open({root.get(), "f"}, O_PATH);
  REQUIRE(path.ok());
  EXPECT(sys::unlink({root.get(), "f"}).ok());
  const auto again = sys::open({path->get(), ""}, O_RDWR);
  REQUIRE(again.ok());
  std::byte text[8];
  EXPECT_EQ(*sys::readAt(again->get(), text, 0), 4U);
}

TEST("a file without a name gets one, once") {
  const TempDir temp;
  const Fd root = rootOf(temp);
  const auto file = sys::openTemporary(root.get(), O_RDWR, 0644);
  if (file.failsWith(EOPNOTSUPP)) SKIP("the temporary directory's filesystem has no O_TMPFILE");
  REQUIRE(file.ok());
  EXPECT_EQ(testing::dumpTree(temp.path()), "");
  EXPECT(sys::link({file->get(), ""}, {root.get(), "f"}).ok());
  EXPECT(sys::link({file->get(), ""}, {root.get(), "f"}).failsWith(EEXIST));
  EXPECT_EQ(testing::dumpTree(temp.path()), "f = \n");
}

TEST("an exclusive creation fails over anything, a dangling symlink included") {
  const TempDir temp;
  EXPECT(writeTree(temp.path(), "f = x\nlink -> nowhere"));
  const Fd root = rootOf(temp);
  EXPECT_EQ(errnoOf(sys::createExclusive({root.get(), "f"}, O_RDWR, 0600)), EEXIST);
  EXPECT_EQ(errnoOf(sys::createExclusive({root.get(), "link"}, O_RDWR, 0600)), EEXIST);
  EXPECT_EQ(errnoOf(sys::createExclusive({root.get(), "new"}, O_RDWR, 0600)), 0);
  EXPECT_EQ(testing::dumpTree(temp.path()), "f = x\nlink -> nowhere\nnew = \n");
}

TEST("data is opened without waiting for a fifo's other end") {
  const TempDir temp;
  EXPECT(writeTree(temp.path(), "pipe fifo"));
  const Fd root = rootOf(temp);
  EXPECT_EQ(errnoOf(sys::openData({root.get(), "pipe"}, false)), 0);
}

TEST("a lock is held by the open file, not by the process") {
  const TempDir temp;
  Fd first = rootOf(temp);
  const Fd second = rootOf(temp);
  EXPECT(sys::lockExclusive(first.get()).ok());
  EXPECT(sys::lockExclusive(second.get()).failsWith(EWOULDBLOCK));
  first.reset(-1);
  EXPECT(sys::lockExclusive(second.get()).ok());
}

TEST("a tree is removed with all below it, and no symlink is followed") {
  const TempDir temp;
  EXPECT(writeTree(temp.path(), "keep/\nkeep/f = x\ngone/\ngone/deep/\ngone/deep/f = y\ngone/link -> ../keep\ngone/deep/pipe fifo"));
  const Fd root = rootOf(temp);
  EXPECT(sys::removeAll({root.get(), "gone"}).ok());
  EXPECT(sys::removeAll({root.get(), "never"}).ok());
  EXPECT_EQ(testing::dumpTree(temp.path()), "keep/\nkeep/f = x\n");
}

}  // namespace
}  // namespace unionfs

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "sys/io.h"
#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using testing::LayerFixture;
using testing::MergedView;

constexpr const char* kNoMarkers = "needs the right to make devices and trusted xattrs";
constexpr Caller kRoot{};

TEST("unlink leaves a whiteout exactly where a lower shows the name") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  LayerFixture layers;
  layers.lower("lower = 1\nboth = 1\nagain whiteout").lower("again = deep").upper("both = 2\nown = 3\nagain = 4");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  for (const char* name : {"lower", "both", "own", "again"}) EXPECT(overlay->unlink(kRoot, kRootNode, name).ok());
  EXPECT_EQ(layers.dumpUpper(), "both whiteout\nlower whiteout\n");
  EXPECT_EQ(MergedView(*overlay).dump(), "");
}

// Runs `body` where what it mounts is seen by nobody else.
template <typename Body>
void inOwnMounts(Body&& body) {
  std::thread([&body] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) SKIP("needs the right to mount");
    body();
  }).join();
}

TEST("an open that lets the kernel write to a full upper waits until a removed file's space is there") {
  inOwnMounts([] {
    LayerFixture layers;
    const std::string place = layers.upperPath().parent_path();
    REQUIRE(::mount("none", place.c_str(), "tmpfs", 0, "size=4m") == 0);
    REQUIRE(std::filesystem::create_directory(layers.workPath()));
    layers.lower("low = 1").upper("big = old\nsmall =");
    {
      const auto overlay = layers.open();
      REQUIRE(overlay);
      const auto big = overlay->lookup(kRootNode, "big");
      REQUIRE(big.ok() && *big);
      const NodeId node = (*big)->node;
      const auto small = overlay->lookup(kRootNode, "small");
      REQUIRE(small.ok() && *small);
      const std::vector<std::byte> block(64 << 10);
      uint64_t size = 0;
      while (overlay->write(kRoot, node, block, size, {}).ok()) size += block.size();
      EXPECT(size > 1 << 20);
      EXPECT(overlay->unlink(kRoot, kRootNode, "big").ok());
      std::thread kernel([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        overlay->forget(node, 1);
      });
      const auto opened = overlay->openData(kRoot, (*small)->node, {O_WRONLY});
      const bool written = opened.ok() && sys::writeAt(opened->fd->get(), block, 0).ok();
      kernel.join();
      EXPECT(written);
    }
    EXPECT(::umount2(place.c_str(), MNT_DETACH) == 0);
  });
}

TEST("rmdir removes a directory whose only contents are marks, of every dialect") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  LayerFixture layers;
  layers.lower("merged/\nmerged/x = 1\nmerged/y = 1\nopaque/\nopaque/x = 1")
      .upper(
          "merged/\nmerged/x whiteout\nmerged/.wh.y =\nopaque/\nopaque/.wh..wh..opq =\npure/\npure/x whiteout\npure/.wh.y "
          "=\npure/.wh..wh..opq =");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  for (const char* name : {"merged", "opaque", "pure"}) EXPECT(overlay->rmdir(kRoot, kRootNode, name).ok());
  EXPECT_EQ(layers.dumpUpper(), "merged whiteout\nopaque whiteout\n");
}

TEST("rmdir refuses what shows a name, wherever it comes from") {
  LayerFixture layers;
  layers.lower("l/\nl/x = 1\nm/\nm/x = 1\nf = 1").upper("u/\nu/x = 1\nm/");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  for (const char* name : {"l", "m", "u"}) EXPECT(overlay->rmdir(kRoot, kRootNode, name).failsWith(ENOTEMPTY));
  EXPECT(overlay->rmdir(kRoot, kRootNode, "f").failsWith(ENOTDIR));
  EXPECT(overlay->rmdir(kRoot, kRootNode, "none").failsWith(ENOENT));
  EXPECT(overlay->unlink(kRoot, kRootNode, "l").failsWith(EISDIR));
  EXPECT(overlay->unlink(kRoot, kRootNode, "none").failsWith(ENOENT));
  EXPECT(overlay->unlink(kRoot, kRootNode, ".wh.f").failsWith(ENOENT));
}

TEST("a removed directory is empty and takes nothing, but its attributes can be asked for") {
  LayerFixture layers;
  layers.lower("lower/").upper("upper/\nother/");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  {
    MergedView view(*overlay);
    for (const char* name : {"lower", "upper"}) {
      const NodeId node = view.node(name);
      EXPECT(overlay->rmdir(kRoot, kRootNode, name).ok());
      EXPECT(!view.find(name));
      EXPECT(view.list(node).empty());
      EXPECT_EQ(overlay->getattr(node)->nlink, 0U);
      EXPECT(overlay->mknod(kRoot, node, "f", {S_IFREG | 0644, 0}).failsWith(ENOENT));
      EXPECT(overlay->mkdir(kRoot, node, "d", 0755).failsWith(ENOENT));
      EXPECT(overlay->rename(kRoot, kRootNode, "other", node, "o", RenameMode::replace).failsWith(ENOENT));
      EXPECT(!view.lookup(node, "f"));
    }
  }
  EXPECT_EQ(overlay->stats().inodes, 1U);
  EXPECT_EQ(overlay->stats().pinnedFds, 0U);
}

TEST("the attributes of a removed directory can be changed by those who have it open, wherever it lived") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  LayerFixture layers;
  layers.lower("lower/\nmerged/").upper("upper/\nmerged/");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  {
    MergedView view(*overlay);
    for (const char* name : {"lower", "merged", "upper"}) {
      const Attr before = view.attr(name);
      const NodeId node = view.node(name);
      EXPECT(overlay->rmdir(kRoot, kRootNode, name).ok());
      AttrChange change;
      change.mode = 0711;
      change.mtime = TimeChange{false, {1234, 5678}};
      const auto changed = overlay->setattr(kRoot, node, change);
      REQUIRE(changed.ok());
      EXPECT(overlay->setxattr(kRoot, node, "user.note", "text", XattrSetMode::any, false).ok());
      const auto after = overlay->getattr(node);
      REQUIRE(after.ok());
      EXPECT_EQ(after->mode, static_cast<mode_t>(S_IFDIR | 0711));
      EXPECT_EQ(after->mtime.sec, 1234);
      EXPECT_EQ(after->ino, before.ino);
      EXPECT_EQ(after->nlink, 0U);
      EXPECT_EQ(*overlay->getxattr(node, "user.note"), "text");
      EXPECT(view.list(node).empty());
      EXPECT(overlay->mkdir(kRoot, node, "d", 0755).failsWith(ENOENT));
      EXPECT(!view.find(name));
    }
  }
  EXPECT(layers.staged().size() <= 1);  // the whiteout that all share
  EXPECT_EQ(layers.dumpUpper(), "lower whiteout\nmerged whiteout\n");
  EXPECT_EQ(overlay->stats().inodes, 1U);
  EXPECT_EQ(overlay->stats().pinnedFds, 0U);
}

TEST("a name is made, removed and made again as another thing, with nothing shining through") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  LayerFixture layers;
  layers.lower("n/\nn/deep = 1");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(overlay->unlink(kRoot, view.node("n"), "deep").ok());
  EXPECT(overlay->rmdir(kRoot, kRootNode, "n").ok());
  view.take(*overlay->mknod(kRoot, kRootNode, "n", {S_IFREG | 0600, 0}));
  EXPECT_EQ(view.dump(), "n@0600 = \n");
  EXPECT(overlay->unlink(kRoot, kRootNode, "n").ok());
  view.take(*overlay->mkdir(kRoot, kRootNode, "n", 0700));
  EXPECT_EQ(view.dump(), "n@0700/\n");
  EXPECT_EQ(layers.dumpUpper(), "n/ opaque\n");
  EXPECT(overlay->rmdir(kRoot, kRootNode, "n").ok());
  view.take(*overlay->symlink(kRoot, kRootNode, "n", "t"));
  EXPECT_EQ(view.dump(), "n -> t\n");
  EXPECT_EQ(layers.dumpUpper(), "n -> t\n");
}

TEST("creating over a name that is there fails, whatever it is") {
  LayerFixture layers;
  layers.lower("l = 1\nd/").upper("u = 1");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  for (const char* name : {"l", "d", "u"}) {
    EXPECT(overlay->mknod(kRoot, kRootNode, name, {S_IFREG | 0644, 0}).failsWith(EEXIST));
    EXPECT(overlay->mkdir(kRoot, kRootNode, name, 0755).failsWith(EEXIST));
    EXPECT(overlay->symlink(kRoot, kRootNode, name, "t").failsWith(EEXIST));
  }
  EXPECT_EQ(layers.dumpUpper(), "u = 1\n");
}

TEST("what is made belongs to the caller, and over a whiteout inherits the parent's group the same way") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  LayerFixture layers;
  layers.lower("d/\nd/f = 1").upper("d@2777/\nd/f whiteout");
  EXPECT_EQ(::chown((layers.upperPath() / "d").c_str(), 0, 77), 0);
  EXPECT_EQ(::chmod((layers.upperPath() / "d").c_str(), 02777), 0);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const Caller user{.uid = 12, .gid = 34, .pid = 0, .umask = 027};
  for (const char* name : {"f", "g"}) {
    const auto made = overlay->mknod(user, view.node("d"), name, {S_IFREG | 0666, 0});
    REQUIRE(made.ok());
    view.take(*made);
    EXPECT_EQ(made->attr.uid, 12U);
    EXPECT_EQ(made->attr.gid, 77U);
    EXPECT_EQ(made->attr.mode & 07777U, 0640U);
  }
}

}  // namespace
}  // namespace unionfs

#include "overlay/copy_up.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "base/blocking.h"
#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/temp_in_memory.h"
#include "testing/test.h"

namespace fs = std::filesystem;

namespace unionfs {
namespace {

using testing::LayerFixture;
using testing::MergedView;

constexpr const char* kNoMarkers = "needs the right to make devices and trusted xattrs";
constexpr Caller kRoot{};
constexpr timespec kOld[2] = {{1'000'000'001, 123'456'789}, {1'000'000'002, 987'654'321}};

bool setTimes(const fs::path& path) { return ::utimensat(AT_FDCWD, path.c_str(), kOld, AT_SYMLINK_NOFOLLOW) == 0; }

std::string timesOf(const fs::path& path) {
  struct stat stat {};
  if (::lstat(path.c_str(), &stat) != 0) return "absent";
  return std::to_string(stat.st_mtim.tv_sec) + "." + std::to_string(stat.st_mtim.tv_nsec);
}
const std::string kOldTime = "1000000002.987654321";

std::string xattr(const fs::path& path, const char* name) {
  std::string value(256, '\0');
  const ssize_t size = ::lgetxattr(path.c_str(), name, value.data(), value.size());
  if (size < 0) return "absent";
  value.resize(static_cast<size_t>(size));
  return value;
}
bool setXattr(const fs::path& path, const char* name, std::string_view value) {
  return ::lsetxattr(path.c_str(), name, value.data(), value.size(), 0) == 0;
}

Status writeText(Overlay& overlay, NodeId node, std::string_view text, uint64_t offset = 0) {
  TRY(overlay.write(kRoot, node, std::as_bytes(std::span(text)), offset, {}));
  return success();
}

AttrChange newMode(mode_t mode) {
  AttrChange change;
  change.mode = mode;
  return change;
}

TEST("a copy keeps data, mode, owner, xattrs and times, and so do the directories above it") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  LayerFixture layers;
  layers.lower("d@0750/\nd/e@2711/\nd/e/f@4755 = text");
  const fs::path lower = layers.lowerPath() / "d/e/f";
  EXPECT_EQ(::chown(lower.c_str(), 12, 34), 0);
  EXPECT_EQ(::chmod(lower.c_str(), 04755), 0);
  EXPECT(setXattr(lower, "user.mine", "yes"));
  EXPECT(setXattr(lower.parent_path(), "user.dir", "too"));
  // vfs_cap_data, revision 2: effective, CAP_NET_BIND_SERVICE.
  const std::string capability("\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  EXPECT(setXattr(lower, "security.capability", capability));
  for (const char* path : {"d/e/f", "d/e", "d"}) EXPECT(setTimes(layers.lowerPath() / path));
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(overlay->setxattr(kRoot, view.node("d/e/f"), "user.added", "1", XattrSetMode::any, false).ok());

  const fs::path upper = layers.upperPath() / "d/e/f";
  EXPECT_EQ(xattr(upper, "user.mine"), "yes");
  EXPECT_EQ(xattr(upper, "user.added"), "1");
  EXPECT(xattr(upper, "security.capability") == capability);
  EXPECT_EQ(xattr(upper.parent_path(), "user.dir"), "too");
  struct stat stat {};
  EXPECT_EQ(::stat(upper.c_str(), &stat), 0);
  EXPECT_EQ(stat.st_uid, 12U);
  EXPECT_EQ(stat.st_gid, 34U);
  EXPECT_EQ(stat.st_atim.tv_nsec, kOld[0].tv_nsec);
  EXPECT_EQ(layers.dumpUpper({.modes = true}), "d@0750/\nd/e@2711/\nd/e/f@4755 = text\n");
  for (const char* path : {"d/e/f", "d/e", "d"}) EXPECT_EQ(timesOf(layers.upperPath() / path), kOldTime);
  EXPECT_EQ(xattr(lower, "user.added"), "absent");
  EXPECT_EQ(layers.dumpLower(), "d/\nd/e/\nd/e/f = text\n");
}

TEST("publishing a copy does not change the times of a directory the upper had") {
  LayerFixture layers;
  layers.lower("d/\nd/f = text\nd/link -> t").upper("d/");
  EXPECT(setTimes(layers.upperPath() / "d"));
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(overlay->setattr(kRoot, view.node("d/f"), newMode(0600)).ok());
  EXPECT_EQ(timesOf(layers.upperPath() / "d"), kOldTime);
  EXPECT_EQ(view.attr("d").mtime.sec, kOld[1].tv_sec);
}

TEST("a lower's own marks stay behind; the copy names its origin and the directory that it holds one") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  LayerFixture layers;
  layers.lower("d/\nd/f = text");
  const fs::path lower = layers.lowerPath() / "d/f";
  EXPECT(setXattr(lower, "user.overlay.metacopy", ""));
  EXPECT(setXattr(lower, "user.fuseoverlayfs.origin", "x"));
  EXPECT(setXattr(lower, "trusted.overlay.overlay.nested", "kept"));
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(overlay->setattr(kRoot, view.node("d/f"), newMode(0600)).ok());
  const fs::path upper = layers.upperPath() / "d/f";
  EXPECT_EQ(xattr(upper, "user.overlay.metacopy"), "absent");
  EXPECT_EQ(xattr(upper, "user.fuseoverlayfs.origin"), "absent");
  EXPECT_EQ(xattr(upper, "trusted.overlay.overlay.nested"), "kept");
  EXPECT(xattr(upper, "trusted.overlay.origin").starts_with(std::string("\0\xfb", 2)));
  EXPECT_EQ(xattr(layers.upperPath() / "d", "trusted.overlay.impure"), "y");
  EXPECT(xattr(layers.upperPath() / "d", "trusted.overlay.origin").starts_with(std::string("\0\xfb", 2)));
}

TEST("a copy has holes where its original has them") {
  LayerFixture layers;
  layers.lower("sparse = x");
  EXPECT_EQ(::truncate((layers.lowerPath() / "sparse").c_str(), 64 << 20), 0);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(writeText(*overlay, view.node("sparse"), "y").ok());
  struct stat stat {};
  EXPECT_EQ(::stat((layers.upperPath() / "sparse").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_size, 64 << 20);
  EXPECT(stat.st_blocks < 2048);
}

TEST("symlinks, fifos and directories are copied as they are") {
  LayerFixture layers;
  layers.lower("link -> target\npipe@0640 fifo\ndir@0700/\ndir/f = x");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  AttrChange owner;
  owner.uid = 5;
  for (const char* path : {"link", "pipe", "dir"}) EXPECT(overlay->setattr(kRoot, view.node(path), owner).ok());
  EXPECT_EQ(layers.dumpUpper({.modes = true}), "dir@0700/\nlink -> target\npipe@0640 fifo\n");
  for (const char* path : {"link", "pipe", "dir"}) EXPECT_EQ(view.attr(path).uid, 5U);
}

TEST("a copy stays open for what is done to it next") {
  LayerFixture layers;
  layers.lower("f = text");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(overlay->setattr(kRoot, view.node("f"), newMode(0600)).ok());
  EXPECT_EQ(overlay->stats().fileFds, 1U);
  EXPECT(writeText(*overlay, view.node("f"), "next").ok());
  EXPECT_EQ(overlay->stats().fileFds, 1U);
  EXPECT_EQ(layers.dumpUpper({.modes = true}), "f@0600 = next\n");
  EXPECT_EQ(layers.dumpLower(), "f = text\n");
}

TEST("an upper whose syncs take no time holds nobody up, and no other thread is called for them") {
  const testing::TempInMemory inMemory;
  LayerFixture layers;
  layers.upper("f = text");
  if (!layers.upperPath().string().starts_with("/dev/shm/")) SKIP("needs /dev/shm");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  int announced = 0;
  setBlockingHook({.call = [](void* count) { ++*static_cast<int*>(count); }, .argument = &announced});
  constexpr int kSyncs = 100;
  for (int i = 0; i < kSyncs; ++i) EXPECT(overlay->fsync(view.node("f"), false).ok());
  setBlockingHook({});
  EXPECT(announced >= 1);  // before anything is known
  EXPECT(announced < kSyncs / 2);
}

TEST("what is cut off is not copied before") {
  LayerFixture layers;
  layers.lower("f = " + std::string(10'000, 'x'));
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  AttrChange cut;
  cut.size = 10;
  EXPECT(overlay->setattr(kRoot, view.node("f"), cut).ok());
  EXPECT_EQ(overlay->stats().copyUpBytes, 10U);
  EXPECT_EQ(view.read("f"), std::string(10, 'x'));
}

TEST("reading, removing and failing calls copy nothing") {
  LayerFixture layers;
  layers.lower("f = text\ng = text\nd/\nd/f = x");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT_EQ(view.read("f"), "text");
  EXPECT(overlay->unlink(kRoot, kRootNode, "g").ok());
  EXPECT(overlay->rmdir(kRoot, kRootNode, "d").failsWith(ENOTEMPTY));
  EXPECT(overlay->removexattr(kRoot, view.node("f"), "user.none").failsWith(ENODATA));
  EXPECT(overlay->rename(kRoot, kRootNode, "d", kRootNode, "e", RenameMode::replace).failsWith(EXDEV));
  EXPECT_EQ(overlay->stats().copyUps, 0U);
  EXPECT(!fs::exists(layers.upperPath() / "f") && !fs::exists(layers.upperPath() / "d"));
}

TEST("a union without an upper changes nothing") {
  LayerFixture layers;
  layers.lower("f = text").readOnly();
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(writeText(*overlay, view.node("f"), "new").failsWith(EROFS));
  EXPECT(overlay->setattr(kRoot, view.node("f"), newMode(0600)).failsWith(EROFS));
  EXPECT(overlay->unlink(kRoot, kRootNode, "f").failsWith(EROFS));
  EXPECT(overlay->mkdir(kRoot, kRootNode, "d", 0755).failsWith(EROFS));
  EXPECT_EQ(view.read("f"), "text");
}

// A process that was, and is no more.
pid_t gonePid() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return child;
}

TEST("a caller who is dead gets no copy, and leaves nothing behind") {
  LayerFixture layers;
  layers.lower("f = text");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const std::atomic<bool> interrupted{true};
  const Caller dead{.uid = 0, .gid = 0, .pid = gonePid(), .umask = 0, .interrupted = &interrupted};
  const std::byte byte{1};
  EXPECT(overlay->write(dead, view.node("f"), {&byte, 1}, 0, {}).failsWith(EINTR));
  EXPECT_EQ(layers.dumpUpper(), "");
  EXPECT(writeText(*overlay, view.node("f"), "new!").ok());
  EXPECT_EQ(view.read("f"), "new!");
}

TEST("a caller who lives gets the copy, whatever signal interrupted it") {
  LayerFixture layers;
  layers.lower("f = text");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const std::atomic<bool> interrupted{true};
  const Caller alive{.uid = 0, .gid = 0, .pid = ::getpid(), .umask = 0, .interrupted = &interrupted};
  const std::byte byte{'n'};
  EXPECT(overlay->write(alive, view.node("f"), {&byte, 1}, 0, {}).ok());
  EXPECT_EQ(view.read("f"), "next");
}

TEST("many writers make one copy, and no write is lost") {
  constexpr unsigned kWriters = 8;
  LayerFixture layers;
  layers.lower("f = " + std::string(1 << 20, '.'));
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const NodeId node = view.node("f");
  {
    std::vector<std::jthread> writers;
    for (unsigned i = 0; i < kWriters; ++i) {
      writers.emplace_back([&overlay, node, i] { EXPECT(writeText(*overlay, node, std::string(1, static_cast<char>('a' + i)), i).ok()); });
    }
  }
  EXPECT_EQ(view.read("f").substr(0, kWriters + 1), "abcdefgh.");
  EXPECT_EQ(overlay->stats().copyUps, 1U);
}

TEST("readers during a copy-up see the old text or the new, and attributes that go with it") {
  LayerFixture layers;
  layers.lower("d/\nd/f = " + std::string(1 << 20, 'o'));
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const NodeId node = view.node("d/f");
  const NodeId dir = view.node("d");
  std::atomic<bool> stop{false};
  std::atomic<unsigned> wrong{0};
  {
    std::vector<std::jthread> readers;
    for (unsigned i = 0; i < 4; ++i) {
      readers.emplace_back([&] {
        char text[2];
        do {
          const auto got = overlay->read(node, std::as_writable_bytes(std::span(text)), 4096);
          const auto attr = overlay->getattr(node);
          const auto entry = overlay->lookup(dir, "f");
          const bool right = got.ok() && *got == 2 && text[0] == text[1] && (text[0] == 'o' || text[0] == 'n') && attr.ok() &&
                             attr->size == 1U << 20U && entry.ok() && *entry && (*entry)->node == node;
          if (!right) ++wrong;
          if (entry.ok() && *entry) overlay->forget(node, 1);
        } while (!stop);
      });
    }
    const auto written = writeText(*overlay, node, "nn", 4096);
    if (!written.ok()) ++wrong;
    stop = true;
  }
  EXPECT_EQ(wrong.load(), 0U);
  EXPECT_EQ(overlay->stats().copyUps, 1U);
}

TEST("a lower file that is removed while open is read on, and its copy has no name") {
  LayerFixture layers;
  layers.lower("f = text");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  const auto found = overlay->lookup(kRootNode, "f");
  REQUIRE(found.ok() && *found);
  const NodeId node = (*found)->node;
  EXPECT(overlay->unlink(kRoot, kRootNode, "f").ok());
  EXPECT_EQ(overlay->getattr(node)->nlink, 0U);
  const std::string upper = layers.dumpUpper();
  EXPECT(writeText(*overlay, node, "new!").ok());
  char text[8];
  const auto got = overlay->read(node, std::as_writable_bytes(std::span(text)), 0);
  EXPECT(got.ok() && std::string_view(text, *got) == "new!");
  EXPECT_EQ(overlay->getattr(node)->nlink, 0U);
  EXPECT_EQ(layers.dumpUpper(), upper);
  EXPECT_EQ(overlay->stats().pinnedFds, 1U);
  overlay->forget(node, 1);
  EXPECT_EQ(overlay->stats().pinnedFds, 0U);
  EXPECT_EQ(overlay->stats().inodes, 1U);
}

TEST("an upper file that is removed while open is read and written on, also when descriptors are short") {
  for (const size_t budget : {size_t{4096}, size_t{0}}) {
    LayerFixture layers;
    layers.upper("f = text");
    const auto overlay = layers.open({.fdBudget = budget});
    REQUIRE(overlay);
    const auto found = overlay->lookup(kRootNode, "f");
    REQUIRE(found.ok() && *found);
    const NodeId node = (*found)->node;
    EXPECT(overlay->unlink(kRoot, kRootNode, "f").ok());
    EXPECT(writeText(*overlay, node, "new!").ok());
    EXPECT_EQ(overlay->getattr(node)->nlink, 0U);
    EXPECT_EQ(overlay->getattr(node)->size, 4U);
    EXPECT_EQ(layers.dumpUpper(), "");
    overlay->forget(node, 1);
    EXPECT_EQ(overlay->stats().pinnedFds, 0U);
    std::string left;
    for (const auto& name : layers.staged()) {
      if (!fs::is_character_file(fs::symlink_status(layers.workPath() / name))) left += name + "\n";
    }
    EXPECT_EQ(left, "");
  }
}

TEST("a file without a name from the start gets one by link") {
  LayerFixture layers;
  layers.lower("d/");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const auto made = overlay->tmpfile(kRoot, view.node("d"), 0640);
  if (made.failsWith(EOPNOTSUPP)) SKIP("the temporary directory's filesystem has no O_TMPFILE");
  REQUIRE(made.ok());
  view.take(*made);
  EXPECT_EQ(made->attr.nlink, 0U);
  EXPECT(writeText(*overlay, made->node, "text").ok());
  const auto linked = overlay->link(kRoot, made->node, view.node("d"), "f");
  REQUIRE(linked.ok());
  view.take(*linked);
  EXPECT_EQ(linked->node, made->node);
  EXPECT_EQ(linked->attr.nlink, 1U);
  EXPECT_EQ(overlay->stats().pinnedFds, 0U);
  EXPECT_EQ(layers.dumpUpper({.modes = true}), "d@0755/\nd/f@0640 = text\n");
}

}  // namespace
}  // namespace unionfs

#include "layer/stack.h"

#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "layer/workdir.h"
#include "sys/creds.h"
#include "testing/layer_fixture.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using testing::TempDir;
using testing::writeTree;

std::string errorOf(const StackOptions& options) {
  StackError error;
  if (LayerStack::open(options, error)) return "opened";
  const size_t slash = error.path.rfind('/');
  return error.path.substr(slash + 1) + ": " + error.what + ": " + std::to_string(error.error.value());
}

struct Paths {
  explicit Paths(const TempDir& temp) : root(temp.path().string()) {
    EXPECT(writeTree(temp.path(), "a/\nb/\nupper/\nwork/\nother-upper/\nother-work/\nfile ="));
  }
  [[nodiscard]] std::string operator()(const char* name) const { return root + "/" + name; }
  std::string root;
};

TEST("a stack has the upper at 0 and the lowers behind it, top first") {
  const TempDir temp;
  const Paths in(temp);
  StackError error;
  const auto stack = LayerStack::open({.lowers = {in("a"), in("b")}, .upper = in("upper"), .workdir = in("work")}, error);
  REQUIRE(stack);
  EXPECT(stack->writable());
  EXPECT_EQ(stack->size(), 3U);
  EXPECT_EQ(stack->firstIndex(), kUpperLayer);
  EXPECT_EQ(stack->upper().path(), in("upper"));
  EXPECT_EQ(stack->layer(1).path(), in("a"));
  EXPECT_EQ(stack->layer(2).path(), in("b"));
  EXPECT_EQ(stack->filesystems(), 1U);
}

TEST("a stack without an upper is read-only, and its numbers begin at 1") {
  const TempDir temp;
  const Paths in(temp);
  StackError error;
  const auto stack = LayerStack::open({.lowers = {in("a")}, .upper = "", .workdir = ""}, error);
  REQUIRE(stack);
  EXPECT(!stack->writable());
  EXPECT_EQ(stack->firstIndex(), 1U);
  EXPECT_EQ(stack->size(), 2U);
}

TEST("a lower that is taken as a clone cannot be written through") {
  const TempDir temp;
  const Paths in(temp);
  StackError error;
  const auto stack = LayerStack::open({.lowers = {in("a")}, .upper = "", .workdir = ""}, error);
  REQUIRE(stack);
  if (!stack->layer(1).isClone()) SKIP("needs the right to clone mounts");
  EXPECT_EQ(::mkdirat(stack->layer(1).root(), "d", 0755), -1);
  EXPECT_EQ(errno, EROFS);
}

// Runs `body` on a thread that may not clone mounts.
template <typename Body>
void withoutMountRights(Body body) {
  std::thread([&body] {
    REQUIRE(sys::giveUpCapability(CAP_SYS_ADMIN).ok());
    body();
  }).join();
}

TEST("a mount point inside a lower is refused where the lower cannot be taken as a private clone") {
  const TempDir temp;
  const Paths in(temp);
  EXPECT(writeTree(temp.path(), "a/sub/mnt/\na-mnt/"));
  withoutMountRights([&] {
    const auto at = [&in](const char* mountpoint) {
      return errorOf({.lowers = {in("b"), in("a")}, .upper = "", .workdir = "", .mountpoint = in(mountpoint)});
    };
    EXPECT_EQ(at("a/sub/mnt"), "mnt: the mount point lies inside the lower " + in("a") + ", of which no private clone can be taken: 40");
    EXPECT_EQ(at("a"), "opened");
    EXPECT_EQ(at("a-mnt"), "opened");
    EXPECT_EQ(at("missing"), "missing: the mount point cannot be looked at: 2");
  });
}

TEST("a mount point inside a lower is fine where the lower is a private clone") {
  const TempDir temp;
  const Paths in(temp);
  EXPECT(writeTree(temp.path(), "a/mnt/"));
  StackError error;
  const auto stack = LayerStack::open({.lowers = {in("a")}, .upper = "", .workdir = ""}, error);
  REQUIRE(stack);
  if (!stack->layer(1).isClone()) SKIP("needs the right to clone mounts");
  EXPECT_EQ(errorOf({.lowers = {in("a")}, .upper = "", .workdir = "", .mountpoint = in("a/mnt")}), "opened");
}

TEST("what cannot be opened is named with its errno") {
  const TempDir temp;
  const Paths in(temp);
  EXPECT_EQ(errorOf({.lowers = {in("a"), in("missing")}, .upper = "", .workdir = ""}), "missing: the layer cannot be opened: 2");
  EXPECT_EQ(errorOf({.lowers = {in("file")}, .upper = "", .workdir = ""}), "file: the layer cannot be opened: 20");
  EXPECT_EQ(errorOf({.lowers = {in("a")}, .upper = in("missing"), .workdir = in("work")}), "missing: the layer cannot be opened: 2");
  EXPECT_EQ(errorOf({.lowers = {in("a")}, .upper = in("upper"), .workdir = in("missing")}),
            "missing: the work directory cannot be prepared: 2");
}

TEST("an upper or work directory in use is refused, and free again when the stack is gone") {
  const TempDir temp;
  const Paths in(temp);
  StackError error;
  const StackOptions options{.lowers = {in("a")}, .upper = in("upper"), .workdir = in("work")};
  auto stack = LayerStack::open(options, error);
  REQUIRE(stack);
  const std::string inUse = ": the upper or work directory is in use by another mount: 16";
  EXPECT_EQ(errorOf(options), "work" + inUse);
  EXPECT_EQ(errorOf({.lowers = {in("a")}, .upper = in("upper"), .workdir = in("other-work")}), "other-work" + inUse);
  EXPECT_EQ(errorOf({.lowers = {in("a")}, .upper = in("other-upper"), .workdir = in("work")}), "work" + inUse);
  EXPECT_EQ(errorOf({.lowers = {in("a")}, .upper = in("other-upper"), .workdir = in("other-work")}), "opened");
  stack.reset();
  EXPECT_EQ(errorOf(options), "opened");
}

TEST("layers on two filesystems are told apart, and a work directory on another is refused") {
  const TempDir temp;
  const Paths in(temp);
  const std::string memory = "/dev/shm/unionfs-test-" + std::to_string(::getpid());
  struct stat here {
  }, there{};
  if (::mkdir(memory.c_str(), 0700) != 0 || ::stat(in.root.c_str(), &here) != 0 || ::stat(memory.c_str(), &there) != 0)
    SKIP("needs /dev/shm");
  if (here.st_dev != there.st_dev) {
    StackError error;
    const auto stack = LayerStack::open({.lowers = {in("a"), memory, in("b")}, .upper = "", .workdir = ""}, error);
    EXPECT(stack && stack->filesystems() == 2);
    EXPECT(stack && stack->layer(1).filesystem() == stack->layer(3).filesystem());
    EXPECT(stack && stack->layer(1).filesystem() != stack->layer(2).filesystem());
    const std::string name = memory.substr(memory.rfind('/') + 1);
    EXPECT_EQ(errorOf({.lowers = {in("a")}, .upper = in("upper"), .workdir = memory}),
              name + ": the work directory is not on the same mount as the upper: 18");
  } else {
    testing::recordSkip("the temporary directory is on /dev/shm itself");
  }
  ::rmdir(memory.c_str());
}

}  // namespace
}  // namespace unionfs

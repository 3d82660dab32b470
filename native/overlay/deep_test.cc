// deep_test.cc - a tree deeper than any stack: what works along its ancestors goes in loops.
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "sys/fd.h"
#include "testing/layer_fixture.h"
#include "testing/temp_in_memory.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using testing::LayerFixture;

constexpr Caller kRoot{};
constexpr int kDepth = 4000;

// Far less than a frame for each level would take, also where a sanitizer makes frames large.
constexpr size_t kSmallStack = 512 << 10;

void runOnSmallStack(std::function<void()> body) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kSmallStack);
  pthread_t thread{};
  const auto start = [](void* argument) -> void* {
    (*static_cast<std::function<void()>*>(argument))();
    return nullptr;
  };
  REQUIRE(::pthread_create(&thread, &attributes, start, &body) == 0);
  ::pthread_join(thread, nullptr);
  ::pthread_attr_destroy(&attributes);
}

// A chain of directories "d" below `base`; how many were made or are there.
int descend(const std::filesystem::path& base, bool make) {
  Fd at(::open(base.c_str(), O_PATH | O_DIRECTORY));
  for (int depth = 0; depth < kDepth; ++depth) {
    if (make && ::mkdirat(at.get(), "d", 0755) != 0) return depth;
    Fd next(::openat(at.get(), "d", O_PATH | O_DIRECTORY));
    if (next.get() < 0) return depth;
    at = std::move(next);
  }
  return kDepth;
}

// Programs that remove trees recurse, too.
void removeChain(const std::filesystem::path& base) {
  const auto top = base / "d", below = base / "d/d", aside = base / "aside";
  while (::rename(below.c_str(), aside.c_str()) == 0) {
    EXPECT_EQ(::rmdir(top.c_str()), 0);
    EXPECT_EQ(::rename(aside.c_str(), top.c_str()), 0);
  }
}

std::shared_ptr<LayerStack> openStack(const LayerFixture& layers) {
  StackError error;
  return LayerStack::open(
      {.lowers = {layers.lowerPath().string()}, .upper = layers.upperPath().string(), .workdir = layers.workPath().string()}, error);
}

TEST("a change at the end of a tree deeper than a stack copies up every directory above it, and all are forgotten at once") {
  const testing::TempInMemory memory;
  LayerFixture layers;
  layers.lower("");
  REQUIRE(descend(layers.lowerPath(), true) == kDepth);
  runOnSmallStack([&layers] {
    auto stack = openStack(layers);
    REQUIRE(stack != nullptr);
    auto overlay = Overlay::open(std::move(stack), {.fdBudget = 256});
    REQUIRE(overlay.ok());
    std::vector<NodeId> chain{kRootNode};
    for (int depth = 0; depth < kDepth; ++depth) {
      const auto next = (*overlay)->lookup(chain.back(), "d");
      REQUIRE(next.ok() && next->has_value());
      chain.push_back((*next)->node);
    }
    const auto made = (*overlay)->mknod(kRoot, chain.back(), "made", {.mode = S_IFREG | 0644, .rdev = 0});
    EXPECT(made.ok());
    // Each holds the one above it, so that the last to go takes all of them along.
    for (const NodeId node : chain) (*overlay)->forget(node, 1);
    EXPECT_EQ((*overlay)->stats().inodes, uint64_t{kDepth} + 2);
    if (made.ok()) (*overlay)->forget(made->node, 1);
    EXPECT_EQ((*overlay)->stats().inodes, 1U);
  });
  EXPECT_EQ(descend(layers.upperPath(), false), kDepth);
  for (const auto& path : {layers.lowerPath(), layers.upperPath()}) removeChain(path);
}

}  // namespace
}  // namespace unionfs

#include "overlay/inode_table.h"

#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <thread>

#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using testing::LayerFixture;
using testing::MergedView;

constexpr Caller kRoot{};

size_t openDescriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

void expectNothingKept(const Overlay& overlay) {
  const OverlayStats stats = overlay.stats();
  EXPECT_EQ(stats.inodes, 1U);
  EXPECT_EQ(stats.lookups, 0U);
  EXPECT_EQ(stats.dirFds, 0U);
  EXPECT_EQ(stats.fileFds, 0U);
  EXPECT_EQ(stats.pinnedFds, 0U);
}

// 20 directories of 20 files.
std::string manyFiles() {
  std::string tree;
  for (unsigned d = 0; d < 20; ++d) {
    for (unsigned f = 0; f < 20; ++f) tree += "d" + std::to_string(d) + "/f" + std::to_string(f) + " = text\n";
  }
  return tree;
}

TEST("when the kernel has forgotten all, one inode is left and every descriptor is back") {
  const size_t before = openDescriptors();
  {
    LayerFixture layers;
    layers.lower(manyFiles()).upper("d0/\nd0/own = 1");
    const auto overlay = layers.open();
    REQUIRE(overlay);
    {
      MergedView view(*overlay);
      view.dump();
      EXPECT(overlay->stats().inodes > 400U);
      const std::byte byte{1};
      EXPECT(overlay->write(kRoot, view.node("d1/f1"), {&byte, 1}, 0, {}).ok());
      EXPECT(overlay->unlink(kRoot, view.node("d1"), "f2").ok());
      EXPECT(overlay->rename(kRoot, view.node("d2"), "f1", view.node("d3"), "n", RenameMode::replace).ok());
      EXPECT(overlay->unlink(kRoot, view.node("d0"), "own").ok());
    }
    expectNothingKept(*overlay);
  }
  EXPECT_EQ(openDescriptors(), before);
}

TEST("a union that ends while inodes are known closes everything") {
  const size_t before = openDescriptors();
  {
    LayerFixture layers;
    layers.lower("d/\nd/f = 1").upper("g = 1");
    const auto overlay = layers.open();
    REQUIRE(overlay);
    const auto dir = overlay->lookup(kRootNode, "d");
    REQUIRE(dir.ok() && *dir);
    EXPECT(overlay->lookup((*dir)->node, "f").ok());
    EXPECT(overlay->lookup(kRootNode, "g").ok());
    EXPECT(overlay->unlink(kRoot, kRootNode, "g").ok());
  }
  EXPECT_EQ(openDescriptors(), before);
}

TEST("a lookup is counted each time, and the last one forgotten ends the node") {
  LayerFixture layers;
  layers.lower("f = 1");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  const NodeId first = (*overlay->lookup(kRootNode, "f"))->node;
  EXPECT_EQ((*overlay->lookup(kRootNode, "f"))->node, first);
  EXPECT_EQ(overlay->stats().lookups, 2U);
  overlay->forget(first, 1);
  EXPECT(overlay->getattr(first).ok());
  overlay->forget(first, 1);
  EXPECT(overlay->getattr(first).failsWith(ESTALE));
  const NodeId second = (*overlay->lookup(kRootNode, "f"))->node;
  EXPECT(second != first);
  overlay->forget(second, 1);
}

TEST("more is forgotten than was given: the node ends, others do not notice") {
  LayerFixture layers;
  layers.lower("f = 1\ng = 1");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  const NodeId f = (*overlay->lookup(kRootNode, "f"))->node;
  const NodeId g = (*overlay->lookup(kRootNode, "g"))->node;
  overlay->forget(f, 1000);
  overlay->forget(f, 1);
  overlay->forget(4711, 1);
  overlay->forget(kRootNode, 1);
  EXPECT(overlay->getattr(f).failsWith(ESTALE));
  EXPECT(overlay->getattr(g).ok());
  EXPECT(overlay->getattr(kRootNode).ok());
  overlay->forget(g, 1);
  expectNothingKept(*overlay);
}

TEST("a node nobody was given is stale to every verb") {
  constexpr NodeId kNobody = 4711;
  LayerFixture layers;
  layers.lower("f = 1");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  std::byte byte{1};
  EXPECT(overlay->lookup(kNobody, "f").failsWith(ESTALE));
  EXPECT(overlay->getattr(kNobody).failsWith(ESTALE));
  EXPECT(overlay->setattr(kRoot, kNobody, {}).failsWith(ESTALE));
  EXPECT(overlay->readlink(kNobody).failsWith(ESTALE));
  EXPECT(overlay->read(kNobody, {&byte, 1}, 0).failsWith(ESTALE));
  EXPECT(overlay->write(kRoot, kNobody, {&byte, 1}, 0, {}).failsWith(ESTALE));
  EXPECT(overlay->mkdir(kRoot, kNobody, "d", 0755).failsWith(ESTALE));
  EXPECT(overlay->unlink(kRoot, kNobody, "f").failsWith(ESTALE));
  EXPECT(overlay->rename(kRoot, kRootNode, "f", kNobody, "g", RenameMode::replace).failsWith(ESTALE));
  EXPECT(overlay->link(kRoot, kNobody, kRootNode, "g").failsWith(ESTALE));
  EXPECT(overlay->readdir(kNobody, 0, [](const DirEntry&) { return true; }).failsWith(ESTALE));
  EXPECT(overlay->getxattr(kNobody, "user.x").failsWith(ESTALE));
}

TEST("a file in a verb's hands outlives its last forget, and a child keeps its parents known") {
  LayerFixture layers;
  layers.lower("a/\na/b/\na/b/f = text");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  const NodeId a = (*overlay->lookup(kRootNode, "a"))->node;
  const NodeId b = (*overlay->lookup(a, "b"))->node;
  const NodeId f = (*overlay->lookup(b, "f"))->node;
  overlay->forget(a, 1);
  overlay->forget(b, 1);
  const std::byte byte{'x'};
  EXPECT(overlay->write(kRoot, f, {&byte, 1}, 0, {}).ok());
  EXPECT_EQ(layers.dumpUpper(), "a/\na/b/\na/b/f = xext\n");
  overlay->forget(f, 1);
  expectNothingKept(*overlay);
}

TEST("lookups and forgets of many threads leave an empty table") {
  LayerFixture layers;
  layers.lower(manyFiles()).lower("d0/\nd0/deep = 1");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([&overlay, t] {
        for (unsigned round = 0; round < 50; ++round) {
          MergedView view(*overlay);
          for (unsigned i = 0; i < 20; ++i) view.node("d" + std::to_string(i % 3) + "/f" + std::to_string((i + t) % 20));
        }
      });
    }
  }
  expectNothingKept(*overlay);
}

TEST("verbs of many threads in the same directories leave whole trees and an empty table") {
  LayerFixture layers;
  layers.lower("d/\nd/f = text\ne/");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  std::atomic<unsigned> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([&overlay, &wrong, t] {
        MergedView view(*overlay);
        const NodeId d = view.node("d"), e = view.node("e");
        const std::string mine = "own" + std::to_string(t);
        for (unsigned round = 0; round < 40; ++round) {
          const auto made = overlay->mknod(kRoot, d, mine, {S_IFREG | 0644, 0});
          if (made.ok()) view.take(*made);
          const bool moved = overlay->rename(kRoot, d, mine, e, mine, RenameMode::replace).ok();
          // All want this one; one at a time has it.
          const bool took = overlay->rename(kRoot, d, "f", e, "f", RenameMode::noReplace).ok();
          if (took && !overlay->rename(kRoot, e, "f", d, "f", RenameMode::noReplace).ok()) ++wrong;
          if (!made.ok() || !moved || !overlay->unlink(kRoot, e, mine).ok()) ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong.load(), 0U);
  {
    MergedView view(*overlay);
    EXPECT_EQ(view.read("d/f"), "text");
    EXPECT_EQ(view.list(view.node("d")).size(), 1U);
    EXPECT(view.list(view.node("e")).empty());
  }
  EXPECT_EQ(overlay->stats().inodes, 1U);
}

}  // namespace
}  // namespace unionfs

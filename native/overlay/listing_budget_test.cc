#include "overlay/listing_budget.h"

#include <filesystem>
#include <fstream>

#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using testing::LayerFixture;
using testing::MergedView;

constexpr Caller kRoot{};

TEST("within the budget no index goes") {
  ListingBudget budget(100);
  UseStamp a{0}, b{0};
  budget.account(1, 50, a);
  budget.account(2, 50, b);
  EXPECT(!budget.exceeded());
  EXPECT(budget.victims(2).empty());
  EXPECT_EQ(budget.bytes(), 100U);
}

TEST("over the budget the least recently used index goes first, and never the one in use") {
  ListingBudget budget(100);
  UseStamp a{0}, b{0}, c{0};
  budget.account(1, 45, a);
  budget.account(2, 45, b);
  budget.stamp(a);
  budget.account(3, 45, c);
  EXPECT(budget.exceeded());
  EXPECT(budget.victims(3) == (std::vector<NodeId>{2, 1}));  // with some room to spare
  budget.account(3, 20, c);
  EXPECT(budget.victims(3) == std::vector<NodeId>{2});
  budget.drop(2);
  EXPECT_EQ(budget.bytes(), 65U);
  EXPECT_EQ(budget.count(), 2U);
  budget.account(3, 1000, c);
  EXPECT(budget.victims(3) == std::vector<NodeId>{1});
}

TEST("what an index grows by is counted, and what it loses") {
  ListingBudget budget(100);
  UseStamp a{0};
  budget.account(1, 50, a);
  budget.account(1, 150, a);
  EXPECT_EQ(budget.bytes(), 150U);
  EXPECT(budget.exceeded());
  EXPECT(budget.victims(1).empty());
  EXPECT(!budget.exceeded());
  budget.account(1, 20, a);
  EXPECT_EQ(budget.bytes(), 20U);
}

TEST("of a directory that was just made no layer is asked for a name") {
  LayerFixture layers;
  layers.upper("");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  const auto made = overlay->mkdir(kRoot, kRootNode, "d", 0755);
  REQUIRE(made.ok());
  EXPECT_EQ(overlay->stats().listings, 1U);
  const auto ask = [&](const char* name) {
    const auto found = overlay->lookup(made->node, name);
    return found.ok() && *found;
  };
  EXPECT(overlay->mknod(kRoot, made->node, "f", {.mode = S_IFREG | 0644}).ok());
  EXPECT(ask("f") && !ask("g"));
  EXPECT(overlay->mknod(kRoot, made->node, "f", {.mode = S_IFREG | 0644}).failsWith(EEXIST));
  EXPECT(overlay->unlink(kRoot, made->node, "f").ok());
  EXPECT(!ask("f"));
  EXPECT(overlay->mkdir(kRoot, made->node, "f", 0755).ok());
  EXPECT(overlay->rmdir(kRoot, kRootNode, "d").failsWith(ENOTEMPTY));
  EXPECT(overlay->rmdir(kRoot, made->node, "f").ok());
  EXPECT(overlay->rmdir(kRoot, kRootNode, "d").ok());
  EXPECT_EQ(overlay->stats().listings, 0U);
}

TEST("what somebody put into a new directory behind the mount is not removed with it, nor by a rename over it") {
  LayerFixture layers;
  layers.upper("");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  const auto made = overlay->mkdir(kRoot, kRootNode, "d", 0755);
  const auto other = overlay->mkdir(kRoot, kRootNode, "other", 0755);
  REQUIRE(made.ok() && other.ok());
  const auto foreign = layers.upperPath() / "d/foreign";
  std::ofstream(foreign) << "x";
  EXPECT(overlay->rename(kRoot, kRootNode, "other", kRootNode, "d", RenameMode::replace).failsWith(ENOTEMPTY));
  EXPECT(overlay->rmdir(kRoot, kRootNode, "d").failsWith(ENOTEMPTY));
  EXPECT(std::filesystem::exists(foreign));
}

TEST("a new directory in which much is made has no index any more, and shows all of it") {
  constexpr unsigned kFiles = 600;
  LayerFixture layers;
  layers.upper("");
  const auto overlay = layers.open({.listingBytes = 100'000});
  REQUIRE(overlay);
  MergedView view(*overlay);
  const NodeId dir = view.take(*overlay->mkdir(kRoot, kRootNode, "d", 0755)).node;
  for (unsigned i = 0; i < kFiles; ++i) view.take(*overlay->mknod(kRoot, dir, "name-" + std::to_string(i), {S_IFREG | 0644, 0}));
  EXPECT_EQ(overlay->stats().listings, 0U);
  EXPECT(view.lookup(dir, "name-0") && !view.lookup(dir, "name"));
  EXPECT_EQ(view.list(dir).size(), kFiles);
}

std::string directories(unsigned count) {
  std::string tree;
  for (unsigned i = 0; i < count; ++i) tree += "d" + std::to_string(i) + "/\nd" + std::to_string(i) + "/x = 1\n";
  return tree;
}

TEST("indexes that grow by what is created are dropped when they pass the budget, the used one stays") {
  constexpr size_t kLimit = 200'000;
  LayerFixture layers;
  layers.lower(directories(4)).lower(directories(4));
  const auto overlay = layers.open({.listingBytes = kLimit});
  REQUIRE(overlay);
  MergedView view(*overlay);
  for (unsigned d = 0; d < 4; ++d) view.list(view.node("d" + std::to_string(d)));
  EXPECT(overlay->stats().listings >= 4);
  for (unsigned i = 0; i < 1000; ++i) {
    for (unsigned d = 0; d < 4; ++d) {
      const NodeId dir = view.node("d" + std::to_string(d));
      const std::string name = "a-name-of-some-length-" + std::to_string(i);
      view.lookup(dir, name);
      view.take(*overlay->mknod(kRoot, dir, name, {S_IFREG | 0644, 0}));
    }
    const auto stats = overlay->stats();
    if (stats.listingBytes > kLimit + kLimit / 4) testing::recordFailure(__FILE__, __LINE__, "over the budget");
  }
  for (unsigned d = 0; d < 4; ++d) EXPECT_EQ(view.list(view.node("d" + std::to_string(d))).size(), 1001U);
}

}  // namespace
}  // namespace unionfs

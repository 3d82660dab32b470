#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using testing::LayerFixture;
using testing::MergedView;

constexpr Caller kRoot{};
constexpr unsigned kFiles = 300;

std::string nameOf(unsigned i) { return "f" + std::to_string(i); }

std::string numbered(unsigned from, unsigned to) {
  std::string tree;
  for (unsigned i = from; i < to; ++i) tree += nameOf(i) + " = " + std::to_string(i) + "\n";
  return tree;
}

// Reads on in pieces of `step` entries, as the kernel does.
class Reader {
 public:
  Reader(Overlay& overlay, unsigned step) : overlay_(overlay), step_(step) {}

  // False at the end.
  bool next() {
    unsigned taken = 0;
    const auto done = overlay_.readdir(kRootNode, cookie_, [&](const DirEntry& entry) {
      if (taken == step_) return false;
      ++taken;
      ++seen_[std::string(entry.name)];
      cookie_ = entry.cookie;
      return true;
    });
    EXPECT(done.ok());
    return taken > 0;
  }
  unsigned seen(const std::string& name) { return seen_[name]; }
  [[nodiscard]] size_t names() const { return seen_.size(); }

 private:
  Overlay& overlay_;
  unsigned step_;
  uint64_t cookie_ = 0;
  std::map<std::string, unsigned> seen_;
};

TEST("a directory is read in pieces of any size, each name once") {
  LayerFixture layers;
  layers.lower(numbered(0, 200)).lower(numbered(100, 300)).upper(numbered(250, 260));
  const auto overlay = layers.open();
  REQUIRE(overlay);
  for (const unsigned step : {1U, 7U, 1000U}) {
    Reader reader(*overlay, step);
    while (reader.next()) continue;
    EXPECT_EQ(reader.names(), kFiles + 2);
    for (unsigned i = 0; i < kFiles; ++i) EXPECT_EQ(reader.seen(nameOf(i)), 1U);
    EXPECT_EQ(reader.seen("."), 1U);
    EXPECT_EQ(reader.seen(".."), 1U);
  }
}

TEST("names that stay are shown once while others come and go") {
  LayerFixture layers;
  layers.lower(numbered(0, 150)).upper(numbered(150, 300));
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  Reader reader(*overlay, 10);
  for (unsigned step = 0; reader.next(); ++step) {
    // One of each layer goes, one comes, one is copied up.
    if (step < 15) {
      EXPECT(overlay->unlink(kRoot, kRootNode, nameOf(step)).ok());
      EXPECT(overlay->unlink(kRoot, kRootNode, nameOf(150 + step)).ok());
      view.take(*overlay->mknod(kRoot, kRootNode, "new" + std::to_string(step), {S_IFREG | 0644, 0}));
      AttrChange change;
      change.mode = 0600;
      EXPECT(overlay->setattr(kRoot, view.node(nameOf(100 + step)), change).ok());
    }
  }
  for (unsigned i = 0; i < kFiles; ++i) {
    const bool stays = (i >= 15 && i < 150) || i >= 165;
    if (stays)
      EXPECT_EQ(reader.seen(nameOf(i)), 1U);
    else
      EXPECT(reader.seen(nameOf(i)) <= 1U);
  }
  for (unsigned i = 0; i < 15; ++i) EXPECT(reader.seen("new" + std::to_string(i)) <= 1U);
}

TEST("a reader goes on after its listing was dropped for want of memory") {
  LayerFixture layers;
  layers.lower(numbered(0, 300) + "d/\nd/x = 1").lower("d/\nd/y = 1");
  const auto overlay = layers.open({.listingBytes = 1});
  REQUIRE(overlay);
  MergedView view(*overlay);
  const NodeId other = view.node("d");
  Reader reader(*overlay, 10);
  while (reader.next()) EXPECT_EQ(view.list(other).size(), 2U);
  EXPECT_EQ(overlay->stats().listings, 1U);
  EXPECT_EQ(reader.names(), kFiles + 3);
  for (unsigned i = 0; i < kFiles; ++i) EXPECT_EQ(reader.seen(nameOf(i)), 1U);
}

TEST("dot and dot-dot come first with the numbers of directory and parent") {
  LayerFixture layers;
  layers.lower("d/\nd/e/");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  std::vector<std::pair<std::string, uint64_t>> dots;
  EXPECT(overlay
             ->readdir(view.node("d/e"), 0,
                       [&dots](const DirEntry& entry) {
                         dots.emplace_back(entry.name, entry.ino);
                         EXPECT_EQ(entry.type, DT_DIR);
                         return true;
                       })
             .ok());
  REQUIRE(dots.size() == 2);
  EXPECT(dots[0] == std::pair(std::string("."), view.attr("d/e").ino));
  EXPECT(dots[1] == std::pair(std::string(".."), view.attr("d").ino));
}

TEST("readdirPlus counts a lookup for each entry that was taken, and for no other") {
  LayerFixture layers;
  layers.lower(numbered(0, 20));
  const auto overlay = layers.open();
  REQUIRE(overlay);
  std::vector<NodeId> taken;
  uint64_t cookie = 0;
  for (bool more = true; more;) {
    more = false;
    size_t fits = 7;
    EXPECT(overlay
               ->readdirPlus(kRootNode, cookie,
                             [&](const DirEntry& entry, const Entry* child) {
                               if (fits-- == 0) return false;
                               more = true;
                               cookie = entry.cookie;
                               if (child != nullptr) {
                                 taken.push_back(child->node);
                                 EXPECT_EQ(child->attr.ino, entry.ino);
                               }
                               return true;
                             })
               .ok());
  }
  EXPECT_EQ(taken.size(), 20U);
  EXPECT_EQ(overlay->stats().lookups, 20U);
  for (const NodeId node : taken) overlay->forget(node, 1);
  EXPECT_EQ(overlay->stats().inodes, 1U);
}

TEST("a file is no directory to read") {
  LayerFixture layers;
  layers.lower("f = 1");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(overlay->readdir(view.node("f"), 0, [](const DirEntry&) { return true; }).failsWith(ENOTDIR));
  EXPECT(overlay->lookup(view.node("f"), "x").failsWith(ENOTDIR));
}

}  // namespace
}  // namespace unionfs

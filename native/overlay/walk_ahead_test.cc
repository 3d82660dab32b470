// walk_ahead_test.cc - directories that are read before a client of a walk asks for them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <thread>

#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using namespace std::chrono_literals;
using testing::LayerFixture;
using testing::MergedView;

constexpr Caller kRoot{};
constexpr unsigned kDirs = 24, kFiles = 40;

std::string tree() {
  std::string text;
  for (unsigned d = 0; d < kDirs; ++d) {
    const std::string dir = "d" + std::to_string(d);
    text += dir + "/\n" + dir + "/sub/\n";
    for (unsigned f = 0; f < kFiles; ++f) text += dir + "/f" + std::to_string(f) + "@0644 = " + std::to_string(d * f) + "\n";
    text += dir + "/sub/deep@0600 = x\n";
  }
  return text;
}

struct Seen {
  NodeId node = 0;
  Attr attr;
};

// A client that lists and stats, one directory after the other, as find does.
class Walk {
 public:
  explicit Walk(Overlay& overlay) : overlay_(overlay) {}
  ~Walk() {
    for (const auto& [node, count] : counts_) overlay_.forget(node, count);
  }
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  // Entries of a directory in the order of the listing.
  std::vector<std::pair<std::string, Seen>> list(NodeId dir) {
    std::vector<std::pair<std::string, Seen>> entries;
    uint64_t cookie = 0;
    for (bool more = true; more;) {
      more = false;
      size_t fits = 16;
      const Status done = overlay_.readdirPlus(dir, cookie, [&](const DirEntry& entry, const Entry* child) {
        if (fits-- == 0) return false;
        more = true;
        cookie = entry.cookie;
        if (child != nullptr) {
          ++counts_[child->node];
          entries.emplace_back(std::string(entry.name), Seen{child->node, child->attr});
        }
        return true;
      });
      if (!done.ok()) break;  // removed meanwhile
    }
    return entries;
  }

  // All below, by path. `at` is told of each directory before it is listed.
  std::map<std::string, Seen> all(const std::function<void(const std::string&)>& at = {}) {
    std::map<std::string, Seen> seen;
    below(kRootNode, "", seen, at);
    return seen;
  }

 private:
  void below(NodeId dir, const std::string& prefix, std::map<std::string, Seen>& seen, const std::function<void(const std::string&)>& at) {
    if (at) at(prefix);
    const auto entries = list(dir);
    for (const auto& [name, found] : entries) seen.emplace(prefix + name, found);
    for (const auto& [name, found] : entries) {
      if (S_ISDIR(found.attr.mode)) below(found.node, prefix + name + "/", seen, at);
    }
  }

  Overlay& overlay_;
  std::map<NodeId, uint64_t> counts_;
};

std::shared_ptr<Overlay> openReadingAhead(LayerFixture& layers) {
  auto overlay = layers.open();
  if (overlay && !overlay->readAhead().ok()) overlay.reset();
  return overlay;
}

// Walks until some of the directories have been read that come next; of those at the top, the ones that were not listed.
std::vector<std::pair<std::string, NodeId>> walkUntilAhead(Overlay& overlay, Walk& walk) {
  constexpr size_t kListed = 6, kAhead = 4;
  std::vector<std::pair<std::string, NodeId>> left;
  for (const auto& [name, found] : walk.list(kRootNode)) left.emplace_back(name, found.node);
  for (size_t i = 0; i < kListed; ++i) {
    for (const auto& [child, found] : walk.list(left[i].second)) {
      if (child == "sub") walk.list(found.node);
    }
  }
  left.erase(left.begin(), left.begin() + kListed);
  EXPECT(testing::soon([&] { return overlay.stats().listings >= 1 + 2 * kListed + kAhead; }));
  return left;
}

TEST("a walk that is read ahead of sees what one alone sees, with the same attributes") {
  LayerFixture layers;
  layers.lower("d1/\nd1/f1 = above\nd3/\nd3/own = x").lower(tree()).upper("d2/\nd2/f2 = changed\nd2/new = y");
  const auto plain = layers.readOnly().open();
  REQUIRE(plain);
  std::map<std::string, Seen> expected = Walk(*plain).all();
  const auto overlay = openReadingAhead(layers);
  REQUIRE(overlay);
  for (int round = 0; round < 3; ++round) {
    const auto seen = Walk(*overlay).all();
    REQUIRE(seen.size() == expected.size());
    for (const auto& [path, found] : expected) {
      const auto at = seen.find(path);
      REQUIRE(at != seen.end());
      EXPECT_EQ(at->second.attr.mode, found.attr.mode);
      EXPECT_EQ(at->second.attr.size, found.attr.size);
      EXPECT_EQ(at->second.attr.ino, found.attr.ino);
      EXPECT(at->second.attr.mtime == found.attr.mtime);
    }
  }
}

TEST("directories a walk comes to next are read before they are listed") {
  LayerFixture layers;
  const auto overlay = openReadingAhead(layers.lower(tree()));
  REQUIRE(overlay);
  Walk walk(*overlay);
  const auto left = walkUntilAhead(*overlay, walk);
  EXPECT(left.size() > 8);
}

TEST("single listings read nothing ahead") {
  LayerFixture layers;
  const auto overlay = openReadingAhead(layers.lower(tree()));
  REQUIRE(overlay);
  Walk walk(*overlay);
  const auto top = walk.list(kRootNode);
  walk.list(top.back().second.node);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(overlay->stats().listings, 2U);
}

TEST("what changes after it was read ahead is listed as it is") {
  LayerFixture layers;
  const auto overlay = openReadingAhead(layers.lower(tree()));
  REQUIRE(overlay);
  Walk walk(*overlay);
  const auto left = walkUntilAhead(*overlay, walk);
  MergedView view(*overlay);
  for (const auto& [name, node] : left) {
    AttrChange change;
    change.mode = 0711;
    EXPECT(overlay->setattr(kRoot, view.node(name + "/f1"), change).ok());
    EXPECT(overlay->unlink(kRoot, node, "f2").ok());
    EXPECT(overlay->rename(kRoot, node, "f3", node, "f4", RenameMode::replace).ok());
    view.take(*overlay->mknod(kRoot, node, "new", {.mode = S_IFREG | 0600}));
  }
  for (const auto& [name, node] : left) {
    std::map<std::string, Attr> seen;
    for (const auto& [child, found] : walk.list(node)) seen.emplace(child, found.attr);
    EXPECT_EQ(seen.at("f1").mode & 07777U, 0711U);
    EXPECT_EQ(seen.count("f2"), 0U);
    EXPECT_EQ(seen.count("f3"), 0U);
    EXPECT_EQ(seen.at("f4").ino, view.attr(name + "/f4").ino);
    EXPECT_EQ(seen.at("new").mode & 07777U, 0600U);
  }
}

TEST("what was read ahead and not asked for within a second is forgotten") {
  if (testing::lowersAreSealed()) SKIP("a sealed lower does not change");
  LayerFixture layers;
  const auto overlay = openReadingAhead(layers.lower(tree()));
  REQUIRE(overlay);
  Walk walk(*overlay);
  const auto left = walkUntilAhead(*overlay, walk);
  for (const auto& [name, node] : left) REQUIRE(::chmod((layers.lowerPath() / name / "f1").c_str(), 0700) == 0);
  std::this_thread::sleep_for(2500ms);
  for (const auto& [name, node] : left) {
    for (const auto& [child, found] : walk.list(node)) {
      if (child == "f1") EXPECT_EQ(found.attr.mode & 07777U, 0700U);
    }
  }
}

TEST("walks that are read ahead of and changes of the tree do not disturb each other") {
  LayerFixture layers;
  auto overlay = openReadingAhead(layers.lower(tree()));
  REQUIRE(overlay);
  std::atomic<bool> done{false};
  std::thread changer([&] {
    MergedView view(*overlay);
    for (unsigned i = 0; !done; ++i) {
      const std::string dir = "d" + std::to_string(i % kDirs);
      const NodeId node = view.node(dir);
      static_cast<void>(overlay->unlink(kRoot, node, "f" + std::to_string(i % kFiles)));
      const std::string fresh = "n" + std::to_string(i);
      if (const auto made = overlay->mkdir(kRoot, node, fresh, 0755); made.ok()) {
        view.take(*made);
        static_cast<void>(overlay->rename(kRoot, node, fresh, kRootNode, "moved", RenameMode::replace));
        static_cast<void>(overlay->rmdir(kRoot, kRootNode, "moved"));
      }
    }
  });
  for (int round = 0; round < 20; ++round) Walk(*overlay).all();
  done = true;
  changer.join();
  const std::string left = MergedView(*overlay).dump();
  overlay.reset();
  EXPECT_EQ(left, testing::dumpAnew(layers));
}

}  // namespace
}  // namespace unionfs

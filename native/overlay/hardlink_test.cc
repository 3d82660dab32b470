#include "overlay/hardlink.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/log.h"
#include "sys/fault.h"
#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/test.h"

namespace fs = std::filesystem;

namespace unionfs {
namespace {

using testing::LayerFixture;
using testing::MergedView;

constexpr Caller kRoot{};

// A lower with one file under the names f, g and d/h.
void threeNames(LayerFixture& layers) {
  layers.lower("f = text\nd/");
  fs::create_hard_link(layers.lowerPath() / "f", layers.lowerPath() / "g");
  fs::create_hard_link(layers.lowerPath() / "f", layers.lowerPath() / "d/h");
}

Status writeText(MergedView& view, std::string_view path, std::string_view text) {
  TRY(view.overlay().write(kRoot, view.node(path), std::as_bytes(std::span(text)), 0, {}));
  return success();
}

TEST("names of one lower file are one inode") {
  LayerFixture layers;
  threeNames(layers);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT_EQ(view.node("f"), view.node("g"));
  EXPECT_EQ(view.node("f"), view.node("d/h"));
  EXPECT_EQ(view.attr("f").nlink, 3U);
}

TEST("the names the engine knows stay one inode over a copy-up, in the mount and on disk") {
  LayerFixture layers;
  threeNames(layers);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const Attr before = view.attr("f");
  view.node("g");
  view.node("d/h");
  EXPECT(writeText(view, "g", "news").ok());
  for (const char* path : {"f", "g", "d/h"}) {
    EXPECT_EQ(view.read(path), "news");
    EXPECT_EQ(view.attr(path).ino, before.ino);
    EXPECT_EQ(view.attr(path).nlink, 3U);
  }
  EXPECT_EQ(layers.dumpUpper(), "d/\nd/h = news\nf = news\ng = news\n");
  EXPECT_EQ(fs::hard_link_count(layers.upperPath() / "f"), 3U);
}

TEST("a name that is looked up after the copy-up joins it") {
  LayerFixture layers;
  threeNames(layers);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(writeText(view, "f", "news").ok());
  EXPECT_EQ(view.attr("f").nlink, 3U);
  EXPECT_EQ(view.read("d/h"), "news");
  EXPECT_EQ(view.node("d/h"), view.node("f"));
  EXPECT_EQ(view.attr("f").nlink, 3U);
  EXPECT_EQ(layers.dumpUpper(), "d/\nd/h = news\nf = news\n");
}

TEST("the copied name may go before the others were looked up") {
  LayerFixture layers;
  threeNames(layers);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(writeText(view, "f", "news").ok());
  EXPECT(overlay->unlink(kRoot, kRootNode, "f").ok());
  EXPECT(!view.find("f"));
  EXPECT_EQ(view.read("g"), "news");
  EXPECT_EQ(view.attr("g").nlink, 2U);
  EXPECT_EQ(view.read("d/h"), "news");
  EXPECT_EQ(view.node("d/h"), view.node("g"));
}

TEST("removing names of a lower file counts down to none, and the file is read on") {
  LayerFixture layers;
  threeNames(layers);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const NodeId node = view.node("f");
  view.node("g");
  view.node("d/h");
  EXPECT(overlay->unlink(kRoot, kRootNode, "f").ok());
  EXPECT_EQ(overlay->getattr(node)->nlink, 2U);
  EXPECT(overlay->unlink(kRoot, kRootNode, "g").ok());
  EXPECT(overlay->unlink(kRoot, view.node("d"), "h").ok());
  EXPECT_EQ(overlay->getattr(node)->nlink, 0U);
  char text[8];
  EXPECT_EQ(*overlay->read(node, std::as_writable_bytes(std::span(text)), 0), 4U);
}

TEST("a new name of a lower file is of the same inode, and the lower is not touched") {
  LayerFixture layers;
  layers.lower("f = text");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const Attr before = view.attr("f");
  const auto linked = overlay->link(kRoot, view.node("f"), kRootNode, "n");
  REQUIRE(linked.ok());
  view.take(*linked);
  EXPECT_EQ(linked->node, view.node("f"));
  EXPECT_EQ(linked->attr.nlink, 2U);
  EXPECT_EQ(linked->attr.ino, before.ino);
  EXPECT(writeText(view, "n", "news").ok());
  EXPECT_EQ(view.read("f"), "news");
  EXPECT_EQ(layers.dumpLower(), "f = text\n");
  EXPECT_EQ(fs::hard_link_count(layers.lowerPath() / "f"), 1U);
}

// Counts records about hard links while it lives.
class SettlingRecords {
 public:
  SettlingRecords() {
    log::setSink([this](const log::Record& record) { count_ += record.message.starts_with("a hard link") ? 1 : 0; });
  }
  ~SettlingRecords() { log::setSink(nullptr); }
  [[nodiscard]] unsigned count() const { return count_; }

 private:
  unsigned count_ = 0;
};

// A lower file f with a second name g.
struct LinkedLower {
  LinkedLower() {
    layers.lower("f = text");
    fs::create_hard_link(layers.lowerPath() / "f", layers.lowerPath() / "g");
    overlay = layers.open();
  }
  // A lookup of g whose first change of the upper fails.
  bool lookupWithoutSpace(MergedView& view, uint64_t& changes) {
    fault::arm({.effect = fault::Effect::fail, .at = 1, .error = ENOSPC});
    const bool found = view.lookup(kRootNode, "g").has_value();
    changes = fault::passed();
    fault::disarm();
    return found;
  }
  LayerFixture layers;
  std::shared_ptr<Overlay> overlay;
};

TEST("a name the upper refuses is tried again at growing intervals, with one record, and is right all the while") {
  const SettlingRecords records;
  LinkedLower refused;
  REQUIRE(refused.overlay);
  MergedView view(*refused.overlay);
  EXPECT(writeText(view, "f", "news").ok());
  unsigned tries = 0;
  for (unsigned i = 0; i < 200; ++i) {
    uint64_t changes = 0;
    EXPECT(refused.lookupWithoutSpace(view, changes));
    tries += changes > 0 ? 1 : 0;
  }
  EXPECT(tries >= 2 && tries <= 6);
  EXPECT_EQ(records.count(), 1U);
  EXPECT_EQ(view.read("f"), "news");
  EXPECT_EQ(view.attr("f").nlink, 2U);
  EXPECT_EQ(refused.layers.dumpUpper(), "f = news\n");
  // The upper takes links again: a verb that needs the name does not wait for the interval.
  EXPECT(refused.overlay->rename(kRoot, kRootNode, "g", kRootNode, "h", RenameMode::replace).ok());
  EXPECT_EQ(view.read("h"), "news");
  EXPECT_EQ(refused.layers.dumpUpper(), "f = news\ng whiteout\nh = news\n");
}

TEST("a name that could not be given to the upper comes to it when the interval is over") {
  const SettlingRecords records;
  LinkedLower refused;
  REQUIRE(refused.overlay);
  MergedView view(*refused.overlay);
  EXPECT(writeText(view, "f", "news").ok());
  uint64_t changes = 0;
  for (const bool tried : {true, true, false}) {
    EXPECT(refused.lookupWithoutSpace(view, changes));
    EXPECT_EQ(changes > 0, tried);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  view.node("g");
  EXPECT_EQ(refused.layers.dumpUpper(), "f = news\ng = news\n");
  EXPECT_EQ(view.attr("g").nlink, 2U);
}

TEST("hard links whose names are all in the upper, or all gone, are forgotten like other files, and come back as they were") {
  LayerFixture layers;
  threeNames(layers);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  uint64_t ino = 0;
  {
    MergedView view(*overlay);
    for (const char* path : {"f", "g", "d/h"}) ino = view.attr(path).ino;
    EXPECT(writeText(view, "g", "news").ok());
  }
  EXPECT_EQ(overlay->stats().inodes, 1U);
  {
    MergedView view(*overlay);
    for (const char* path : {"f", "g", "d/h"}) {
      EXPECT_EQ(view.attr(path).ino, ino);
      EXPECT_EQ(view.attr(path).nlink, 3U);
      EXPECT_EQ(view.read(path), "news");
      EXPECT_EQ(view.list(view.node("d")).at("h").ino, ino);
    }
    EXPECT(overlay->unlink(kRoot, kRootNode, "f").ok());
    EXPECT_EQ(view.attr("g").nlink, 2U);
  }
  EXPECT_EQ(overlay->stats().inodes, 1U);
}

TEST("a lower file that lost all its names is forgotten, one that has a name left is not") {
  LayerFixture layers;
  threeNames(layers);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  {
    MergedView view(*overlay);
    view.node("f");
    EXPECT(overlay->unlink(kRoot, kRootNode, "f").ok());
  }
  EXPECT(overlay->stats().inodes > 1U);
  {
    MergedView view(*overlay);
    EXPECT_EQ(view.attr("g").nlink, 2U);
    EXPECT(overlay->unlink(kRoot, kRootNode, "g").ok());
    view.node("d/h");
    EXPECT(overlay->unlink(kRoot, view.node("d"), "h").ok());
  }
  EXPECT_EQ(overlay->stats().inodes, 1U);
}

TEST("a directory gets no second name, and a taken name no file") {
  LayerFixture layers;
  layers.lower("d/\nf = 1\ng = 2");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(overlay->link(kRoot, view.node("d"), kRootNode, "e").failsWith(EPERM));
  EXPECT(overlay->link(kRoot, view.node("f"), kRootNode, "g").failsWith(EEXIST));
  EXPECT(overlay->link(kRoot, view.node("f"), view.node("g"), "x").failsWith(ENOTDIR));
}

}  // namespace
}  // namespace unionfs

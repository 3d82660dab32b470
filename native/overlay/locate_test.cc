// locate_test.cc - a change by node acts on that file and no other, whatever its name has come to mean.
#include "overlay/locate.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <cstddef>
#include <filesystem>

#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/test.h"

namespace fs = std::filesystem;

namespace unionfs {
namespace {

using testing::LayerFixture;
using testing::MergedView;

constexpr Caller kRoot{};

mode_t modeOf(const fs::path& path) {
  struct stat stat {};
  return ::lstat(path.c_str(), &stat) == 0 ? stat.st_mode & 07777U : 0;
}

Status changeMode(Overlay& overlay, NodeId node) {
  AttrChange change;
  change.mode = 0600;
  TRY(overlay.setattr(kRoot, node, change));
  return success();
}
Status changeOwner(Overlay& overlay, NodeId node) {
  AttrChange change;
  change.uid = 7;
  TRY(overlay.setattr(kRoot, node, change));
  return success();
}
Status changeTimes(Overlay& overlay, NodeId node) {
  AttrChange change;
  change.mtime = TimeChange{.now = false, .at = {1, 0}};
  TRY(overlay.setattr(kRoot, node, change));
  return success();
}
Status addXattr(Overlay& overlay, NodeId node) { return overlay.setxattr(kRoot, node, "user.new", "1", XattrSetMode::any, false); }
Status removeXattr(Overlay& overlay, NodeId node) { return overlay.removexattr(kRoot, node, "user.mine"); }
Status addLink(Overlay& overlay, NodeId node) {
  TRY(overlay.link(kRoot, node, kRootNode, "linked"));
  return success();
}
Status addFlag(Overlay& overlay, NodeId node) { return overlay.setFlags(kRoot, node, 0); }

TEST("a change by node strikes no other file that has come by its name") {
  for (const auto verb : {changeMode, changeOwner, changeTimes, addXattr, removeXattr, addLink, addFlag}) {
    LayerFixture layers;
    layers.upper("f@0644 = mine\nother@0640 = other");
    const fs::path file = layers.upperPath() / "f", other = layers.upperPath() / "other";
    for (const auto& path : {file, other}) EXPECT_EQ(::setxattr(path.c_str(), "user.mine", "1", 1, 0), 0);
    const auto overlay = layers.open();
    REQUIRE(overlay);
    MergedView view(*overlay);
    const NodeId node = view.node("f");
    // As if an unlink and a rename came between the engine's finding the name and its use.
    const fs::path held = layers.upperPath() / "held";
    fs::rename(file, held);
    fs::rename(other, file);
    struct stat before {
    }, after{};
    EXPECT_EQ(::lstat(file.c_str(), &before), 0);
    EXPECT(verb(*overlay, node).failsWith(ENOENT));
    EXPECT_EQ(::lstat(file.c_str(), &after), 0);
    EXPECT_EQ(modeOf(file), 0640U);
    EXPECT_EQ(after.st_uid, before.st_uid);
    EXPECT_EQ(after.st_nlink, 1U);
    EXPECT_EQ(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
    EXPECT(::getxattr(file.c_str(), "user.mine", nullptr, 0) == 1);
    EXPECT(::getxattr(file.c_str(), "user.new", nullptr, 0) < 0);
  }
}

TEST("a change by node reaches a file whose data is open, whatever has become of its name") {
  for (const bool made : {true, false}) {
    LayerFixture layers;
    layers.upper("f@0644 = mine\nother@0640 = other");
    const auto overlay = layers.open();
    REQUIRE(overlay);
    MergedView view(*overlay);
    NodeId node = 0;
    if (made) {
      const auto entry = overlay->mknod(kRoot, kRootNode, "made", {.mode = S_IFREG | 0644});
      REQUIRE(entry.ok());
      node = entry->node;
    } else {
      node = view.node("f");
      std::array<std::byte, 4> data{};
      EXPECT(overlay->read(node, data, 0).ok());
    }
    const fs::path file = layers.upperPath() / (made ? "made" : "f"), other = layers.upperPath() / "other";
    const fs::path held = layers.upperPath() / "held";
    fs::rename(file, held);
    fs::rename(other, file);
    for (const auto verb : {changeMode, changeOwner, changeTimes, addXattr}) EXPECT(verb(*overlay, node).ok());
    EXPECT_EQ(modeOf(held), 0600U);
    EXPECT_EQ(modeOf(file), 0640U);
    EXPECT(::getxattr(held.c_str(), "user.new", nullptr, 0) == 1);
    EXPECT(::getxattr(file.c_str(), "user.new", nullptr, 0) < 0);
    const auto attr = overlay->getattr(node);
    REQUIRE(attr.ok());
    EXPECT_EQ(attr->uid, 7U);
    EXPECT_EQ(attr->mtime.sec, 1);
    const auto value = overlay->getxattr(node, "user.new");
    EXPECT(value.ok() && *value == "1");
  }
}

TEST("a change of a lower's file that is open for reading is made to its copy") {
  LayerFixture layers;
  layers.lower("f@0644 = lower").upper("");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const NodeId node = view.node("f");
  std::array<std::byte, 4> data{};
  EXPECT(overlay->read(node, data, 0).ok());
  for (const auto verb : {changeMode, changeOwner, changeTimes, addXattr}) EXPECT(verb(*overlay, node).ok());
  EXPECT_EQ(modeOf(layers.lowerPath(0) / "f"), 0644U);
  EXPECT(::getxattr((layers.lowerPath(0) / "f").c_str(), "user.new", nullptr, 0) < 0);
  EXPECT_EQ(modeOf(layers.upperPath() / "f"), 0600U);
}

TEST("attributes are changed of files of every kind, by their names") {
  LayerFixture layers;
  layers.upper("f = 1\nlink -> target\npipe fifo\nd/");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  for (const char* path : {"f", "link", "pipe", "d"}) {
    EXPECT(changeTimes(*overlay, view.node(path)).ok());
    EXPECT_EQ(view.attr(path).mtime.sec, 1);
  }
  EXPECT_EQ(*overlay->readlink(view.node("link")), "target");
  const auto linked = overlay->link(kRoot, view.node("link"), kRootNode, "other");
  REQUIRE(linked.ok());
  view.take(*linked);
  EXPECT_EQ(view.attr("other").nlink, 2U);
}

}  // namespace
}  // namespace unionfs

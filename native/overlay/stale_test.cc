// stale_test.cc - attributes the kernel must be told to forget, and by whom.
#include <sys/stat.h>

#include <algorithm>
#include <thread>

#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using testing::LayerFixture;
using testing::MergedView;

constexpr Caller kRoot{};

Status changeMode(Overlay& overlay, NodeId node) {
  AttrChange change;
  change.mode = 0640;
  TRY(overlay.setattr(kRoot, node, change));
  return success();
}

bool holds(const std::vector<NodeId>& nodes, NodeId node) { return std::ranges::find(nodes, node) != nodes.end(); }

TEST("what a copy-up made stale is told by the thread that answers for it, whoever asks meanwhile") {
  LayerFixture layers;
  layers.lower("d/\nd/f = text");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const NodeId dir = view.node("d"), file = view.node("d/f");
  EXPECT(changeMode(*overlay, file).ok());
  std::thread([&] { EXPECT(overlay->takeStaleAttributes().empty()); }).join();
  EXPECT(holds(overlay->takeStaleAttributes(), dir));
  EXPECT(overlay->takeStaleAttributes().empty());
}

TEST("what is stale in one union is not told of another") {
  LayerFixture first, second;
  first.lower("d/\nd/f = text");
  second.lower("d/\nd/f = text");
  const auto one = first.open(), other = second.open();
  REQUIRE(one && other);
  MergedView view(*one);
  EXPECT(changeMode(*one, view.node("d/f")).ok());
  EXPECT(other->takeStaleAttributes().empty());
  EXPECT(!one->takeStaleAttributes().empty());
}

TEST("a file whose set-id bits go by a write, an allocation or a copy is stale in the kernel, for root's work it is not") {
  LayerFixture layers;
  layers.lower("f@4755 = text\ng = more");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const NodeId f = view.node("f"), g = view.node("g");
  const std::string_view text = "new";
  const auto write = [&](bool kill) {
    return overlay->write(kRoot, f, std::as_bytes(std::span(text)), 0, {.killPrivileges = kill, .fromCache = false}).ok();
  };
  const auto isStale = [&] { return holds(overlay->takeStaleAttributes(), f); };
  EXPECT(write(false) && !isStale());
  EXPECT(write(true) && isStale());
  EXPECT_EQ(view.attr("f").mode & 07777U, 0755U);
  Caller user;
  user.uid = user.gid = 1000;
  EXPECT(overlay->fallocate(kRoot, f, 0, 0, 10).ok() && !isStale());
  EXPECT(overlay->fallocate(user, f, 0, 0, 20).ok() && isStale());
  EXPECT(overlay->copyFileRange(kRoot, g, 0, f, 0, 4).ok() && !isStale());
  EXPECT(overlay->copyFileRange(user, g, 0, f, 0, 4).ok() && isStale());
}

TEST("times that the kernel writes back are no change when the file has them") {
  LayerFixture layers;
  layers.lower("f = text");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  AttrChange change;
  change.onlyKeptTimes = true;
  change.mtime = TimeChange{.now = false, .at = view.attr("f").mtime};
  EXPECT(overlay->setattr(kRoot, view.node("f"), change).ok());
  EXPECT_EQ(overlay->stats().copyUps, 0U);
  change.mtime->at.sec += 1;
  EXPECT(overlay->setattr(kRoot, view.node("f"), change).ok());
  EXPECT_EQ(overlay->stats().copyUps, 1U);
}

}  // namespace
}  // namespace unionfs

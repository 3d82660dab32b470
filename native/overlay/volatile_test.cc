// volatile_test.cc - what a mount without fsync says of data that is lost.
#include <fcntl.h>

#include "sys/fault.h"
#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using testing::LayerFixture;
using testing::MergedView;

constexpr Caller kRoot{};

std::shared_ptr<Overlay> openVolatile(LayerFixture& layers) {
  OverlayOptions options;
  options.isVolatile = true;
  return layers.open(options);
}

Status writeText(Overlay& overlay, NodeId node, std::string_view text) {
  TRY(overlay.write(kRoot, node, std::as_bytes(std::span(text)), 0, {}));
  return success();
}

TEST("a volatile mount answers fsync at once, and makes no flush") {
  LayerFixture layers;
  layers.lower("f = old");
  const auto overlay = openVolatile(layers);
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(writeText(*overlay, view.node("f"), "new").ok());
  fault::arm({.effect = fault::Effect::none, .at = 0, .error = EIO});
  EXPECT(overlay->fsync(view.node("f"), false).ok());
  EXPECT(overlay->fsyncdir(kRootNode, false).ok());
  EXPECT(overlay->syncfs().ok());
  EXPECT_EQ(fault::passed(), 1U);  // the look at what became of earlier writing
  fault::disarm();
}

TEST("a volatile mount whose data could not be written back answers every fsync with EIO from then on") {
  LayerFixture layers;
  layers.lower("f = old\ng = other");
  const auto overlay = openVolatile(layers);
  REQUIRE(overlay);
  MergedView view(*overlay);
  const NodeId f = view.node("f"), g = view.node("g");
  EXPECT(writeText(*overlay, f, "new").ok());
  EXPECT(writeText(*overlay, g, "new").ok());
  fault::arm({.effect = fault::Effect::fail, .at = 1, .error = EIO});
  EXPECT(overlay->fsync(f, false).failsWith(EIO));
  fault::disarm();
  EXPECT(overlay->fsync(f, false).failsWith(EIO));
  EXPECT(overlay->fsync(g, true).failsWith(EIO));
  EXPECT(overlay->fsyncdir(kRootNode, false).failsWith(EIO));
  EXPECT(overlay->syncfs().failsWith(EIO));
}

}  // namespace
}  // namespace unionfs

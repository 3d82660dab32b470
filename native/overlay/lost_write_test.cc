// lost_write_test.cc - what is told of cached data that cannot be written to the upper.
#include <chrono>
#include <string>

#include "base/log.h"
#include "overlay/state.h"
#include "sys/fault.h"
#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using testing::LayerFixture;
using testing::MergedView;

constexpr Caller kRoot{};

// Paths and numbers of what was told of, in order.
class Told {
 public:
  Told() {
    log::setSink([this](const log::Record& record) {
      if (record.message.find("is lost") != std::string::npos)
        text_ += record.fieldsJson.substr(0, record.fieldsJson.find(",\"bytes\"")) + "\n";
    });
  }
  ~Told() { log::setSink(nullptr); }
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

Status writeBack(Overlay& overlay, NodeId node, bool fromCache) {
  constexpr std::string_view kText = "data";
  TRY(overlay.write(kRoot, node, std::as_bytes(std::span(kText)), 0, {.fromCache = fromCache}));
  return success();
}

TEST("cached data that cannot be written to the upper is told of once for each file of a series, with its path") {
  LayerFixture layers;
  layers.upper("dir/\ndir/f = old\ng = old");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const NodeId f = view.node("dir/f"), g = view.node("g");
  const Told told;
  EXPECT(writeBack(*overlay, f, true).ok());
  EXPECT(writeBack(*overlay, g, true).ok());
  EXPECT_EQ(told.text(), "");
  fault::arm({.effect = fault::Effect::fail, .at = 1, .error = ENOSPC, .lasting = true});
  for (int i = 0; i < 3; ++i) {
    EXPECT(writeBack(*overlay, f, true).failsWith(ENOSPC));
    EXPECT(writeBack(*overlay, g, true).failsWith(ENOSPC));
  }
  fault::disarm();
  EXPECT_EQ(told.text(), "\"path\":\"dir/f\",\"errno\":28\n\"path\":\"g\",\"errno\":28\n");
}

TEST("a write that its program is told of is not logged as lost") {
  LayerFixture layers;
  layers.upper("f = old");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const NodeId f = view.node("f");
  EXPECT(writeBack(*overlay, f, false).ok());
  const Told told;
  fault::arm({.effect = fault::Effect::fail, .at = 1, .error = ENOSPC, .lasting = true});
  EXPECT(writeBack(*overlay, f, false).failsWith(ENOSPC));
  fault::disarm();
  EXPECT_EQ(told.text(), "");
}

TEST("a series of lost writes names a hundred files at most, and begins anew after a minute of quiet") {
  LostWrites lost;
  const LostWrites::Clock::time_point begin{};
  size_t told = 0;
  for (NodeId node = 1; node <= 1000; ++node) told += lost.isNew(node, begin) ? 1 : 0;
  EXPECT_EQ(told, 100U);
  EXPECT(!lost.isNew(1, begin + std::chrono::seconds(59)));
  EXPECT(!lost.isNew(1, begin + std::chrono::seconds(118)));
  EXPECT(lost.isNew(1, begin + std::chrono::seconds(179)));
}

}  // namespace
}  // namespace unionfs

#include "fuse/session.h"

#include "testing/layer_fixture.h"
#include "testing/test.h"

namespace unionfs {
namespace {

TEST("a mount point that does not exist gives an error and no session") {
  testing::LayerFixture layers;
  auto overlay = layers.lower("f = x").open();
  MountError error;
  const auto session = Session::mount(overlay, {.mountpoint = "/nonexistent/unionfs-test"}, {}, error);
  EXPECT(session == nullptr);
  EXPECT(!error.syscall.empty());
  EXPECT(error.error.value() != 0);
}

}  // namespace
}  // namespace unionfs

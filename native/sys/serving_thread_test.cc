#include "sys/serving_thread.h"

#include <linux/capability.h>
#include <sys/stat.h>

#include "sys/creds.h"
#include "testing/test.h"

namespace unionfs {
namespace {

TEST("a serving thread obeys disk quotas and leaves reserved space alone, in whosever name it has acted") {
  auto thread = sys::Thread::start([] {
    EXPECT(sys::becomeServingThread("test").ok());
    EXPECT(!sys::hasCapability(CAP_SYS_RESOURCE));
    if (sys::actAs(1000, 1000, 022).ok()) EXPECT(!sys::hasCapability(CAP_SYS_RESOURCE));
    sys::actAsSelf();
    EXPECT(!sys::hasCapability(CAP_SYS_RESOURCE));
  });
  REQUIRE(thread.ok());
  thread->join();
}

TEST("a serving thread keeps the other rights of the process, and the process all of them") {
  const bool overrides = sys::hasCapability(CAP_DAC_OVERRIDE);
  const bool resource = sys::hasCapability(CAP_SYS_RESOURCE);
  auto thread = sys::Thread::start([overrides] {
    EXPECT(sys::becomeServingThread("test").ok());
    EXPECT_EQ(sys::hasCapability(CAP_DAC_OVERRIDE), overrides);
    EXPECT_EQ(::umask(0), 0U);
  });
  REQUIRE(thread.ok());
  thread->join();
  EXPECT_EQ(sys::hasCapability(CAP_SYS_RESOURCE), resource);
}

}  // namespace
}  // namespace unionfs

#include "sys/core.h"

#include <unistd.h>

#include <thread>

#include "testing/test.h"

namespace unionfs {
namespace {

TEST("the core of a thread is the one it sees itself on, whatever its name") {
  pthread_setname_np(pthread_self(), "a) 1 2 (b");
  const auto seen = sys::coreOf(gettid());
  EXPECT(seen.has_value());
  EXPECT(*seen < std::thread::hardware_concurrency() || std::thread::hardware_concurrency() == 0);
}

TEST("a thread goes to the core it is sent to and may leave it again") {
  std::thread([] {
    for (unsigned core = 0; core < std::thread::hardware_concurrency(); ++core) {
      if (!sys::moveToCore(core)) continue;  // not allowed here
      const auto seen = sys::coreOf(gettid());
      EXPECT(seen.has_value());
      cpu_set_t allowed;
      EXPECT_EQ(::sched_getaffinity(0, sizeof(allowed), &allowed), 0);
      EXPECT(CPU_COUNT(&allowed) > 1);
    }
  }).join();
}

TEST("a thread that does not exist has no core, and nobody goes to a core that does not exist") {
  EXPECT(!sys::coreOf(0x3fffffff).has_value());
  EXPECT(!sys::moveToCore(100000));
}

}  // namespace
}  // namespace unionfs

#include "sys/core.h"

#include <unistd.h>

#include <thread>

#include "sys/serving_thread.h"
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
      if (!sys::moveToCore(core, sys::Roaming::free)) continue;  // not allowed here
      const auto seen = sys::coreOf(gettid());
      EXPECT(seen.has_value());
      cpu_set_t allowed;
      EXPECT_EQ(::sched_getaffinity(0, sizeof(allowed), &allowed), 0);
      EXPECT(CPU_COUNT(&allowed) > 1);
    }
  }).join();
}

TEST("a thread that shall stay does, until it may roam, and those it starts are free") {
  if (sys::usableCores() < 2) SKIP("needs two cores");
  const auto cores = [] {
    cpu_set_t allowed;
    return ::sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? CPU_COUNT(&allowed) : 0;
  };
  std::thread([&cores] {
    unsigned core = 0;
    while (core < CPU_SETSIZE && !sys::moveToCore(core, sys::Roaming::stayed)) ++core;
    EXPECT_EQ(sys::currentCore(), core);
    EXPECT_EQ(cores(), 1);
    int started = 0;
    auto thread = sys::Thread::start([&] { started = cores(); });
    REQUIRE(thread.ok());
    thread->join();
    EXPECT_EQ(started, static_cast<int>(sys::usableCores()));
    EXPECT(sys::roam(sys::currentThread()).ok());
    EXPECT_EQ(cores(), static_cast<int>(sys::usableCores()));
  }).join();
}

TEST("a thread that gives way competes again when told to, and those it starts do from the beginning") {
  if (!sys::mayCompeteAgain()) SKIP("needs CAP_SYS_NICE");
  std::thread([] {
    EXPECT(sys::giveWay(sys::currentThread(), true).ok());
    EXPECT(sys::givesWay());
    bool started = true;
    auto thread = sys::Thread::start([&] { started = sys::givesWay(); });
    REQUIRE(thread.ok());
    thread->join();
    EXPECT(!started);
    EXPECT(sys::giveWay(sys::currentThread(), false).ok());
    EXPECT(!sys::givesWay());
  }).join();
}

TEST("a thread that does not exist has no core, and nobody goes to a core that does not exist") {
  EXPECT(!sys::coreOf(0x3fffffff).has_value());
  EXPECT(!sys::moveToCore(100000, sys::Roaming::free));
}

}  // namespace
}  // namespace unionfs

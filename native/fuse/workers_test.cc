#include "fuse/workers.h"

#include <sched.h>

#include <future>
#include <semaphore>

#include "base/blocking.h"
#include "fuse/dispatcher.h"
#include "testing/fake_kernel.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using namespace std::chrono_literals;
using testing::FakeKernel;

// What a message does here is its node id.
enum Deed : NodeId {
  kQuick = 1,
  kAnnounced = 2,    // says that it will block, then waits for the gate
  kUnannounced = 3,  // waits for the gate
};

// Workers whose requests can be held.
class Bench {
 public:
  explicit Bench(WorkerLimits limits, Placement::Machine machine = {}, Deference::Machine load = {})
      : workers_(
            kernel_.takeChannel(), [this](auto message, const Channel& from, auto, InFlight::Slot& slot) { serve(message, from, slot); },
            inFlight_, limits, 65536, std::move(machine), std::move(load)) {
    EXPECT(workers_.start([this](const std::string& reason) { ended_.set_value(reason); }).ok());
  }
  ~Bench() {
    gate_.release(1000);
    kernel_.close();
    workers_.stop();
  }

  FakeKernel& kernel() { return kernel_; }
  Workers& workers() { return workers_; }
  InFlight& inFlight() { return inFlight_; }
  void open(int count) { gate_.release(count); }
  std::future<std::string> ended() { return ended_.get_future(); }
  unsigned waiting() const { return waiting_; }
  // The scheduling policy of the thread that served last.
  int policy() const { return policy_; }

 private:
  void serve(std::span<const std::byte> message, const Channel& from, InFlight::Slot& slot) {
    const auto request = Request::parse(message);
    if (!request) return;
    const auto* interrupted = slot.begin(request->unique());
    policy_ = ::sched_getscheduler(0);
    if (request->node() == kAnnounced) aboutToBlock();
    if (request->node() != kQuick) {
      ++waiting_;
      while (!gate_.try_acquire_for(1ms) && !interrupted->load()) {
      }
      --waiting_;
    }
    slot.end();
    sendAnswer(from, request->unique(), interrupted->load() ? EINTR : 0);
  }

  FakeKernel kernel_;
  InFlight inFlight_;
  std::counting_semaphore<2000> gate_{0};
  std::atomic<unsigned> waiting_{0};
  std::atomic<int> policy_{-1};
  std::promise<std::string> ended_;
  Workers workers_;
};

// Of some requests in a row, how many were served by a thread that gives way.
int servedGivingWay(Bench& bench, int requests) {
  int giving = 0;
  for (int i = 0; i < requests; ++i) {
    bench.kernel().call(abi::kGetattr, kQuick);
    giving += bench.policy() == SCHED_IDLE ? 1 : 0;
  }
  return giving;
}

TEST("who reads gives way while the machine has cores to spare") {
  if (!sys::mayCompeteAgain()) SKIP("needs CAP_SYS_NICE");
  std::atomic<unsigned> runnable{1};
  Bench bench({.threads = 4}, {}, {.runnable = [&] { return std::optional(runnable.load()); }, .cores = 2});
  EXPECT(testing::soon([&] { return servedGivingWay(bench, 100) > 0; }));
  bench.kernel().send(abi::kGetattr, kAnnounced);  // another takes over the reading
  EXPECT(testing::soon([&] { return bench.waiting() == 1; }));
  EXPECT(testing::soon([&] { return servedGivingWay(bench, 100) > 0; }));
  runnable = 100;
  EXPECT(testing::soon([&] { return servedGivingWay(bench, 100) == 0; }));
}

TEST("without a way back, another takes the place of a thread that gives way") {
  std::atomic<unsigned> runnable{1};
  Bench bench({.threads = 4}, {}, {.runnable = [&] { return std::optional(runnable.load()); }, .cores = 2, .wayBack = false});
  for (int round = 0; round < 5; ++round) {
    runnable = 1;
    EXPECT(testing::soon([&] { return servedGivingWay(bench, 100) > 0; }));
    runnable = 100;
    EXPECT(testing::soon([&] { return servedGivingWay(bench, 1000) == 0; }));
    EXPECT(bench.workers().threads() <= 4U);
  }
}

TEST("one thread serves while one is enough") {
  Bench bench({.threads = 4}, {}, {.cores = 1});  // a thread that gives way may be held up by others
  for (int i = 0; i < 200; ++i) EXPECT_EQ(bench.kernel().call(abi::kGetattr, kQuick).error, 0);
  EXPECT_EQ(bench.workers().threads(), 1U);
}

TEST("a request that announces that it blocks holds nobody up") {
  Bench bench({.threads = 4});
  const uint64_t held = bench.kernel().send(abi::kGetattr, kAnnounced);
  EXPECT_EQ(bench.kernel().call(abi::kGetattr, kQuick).error, 0);
  bench.open(1);
  EXPECT_EQ(bench.kernel().receive(held).error, 0);
  EXPECT_EQ(bench.workers().threads(), 2U);
}

TEST("a request that blocks without a word loses its place to another thread within milliseconds") {
  Bench bench({.threads = 4});
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(round % 2 == 0 ? 60ms : 1ms);  // with the watchdog asleep, and awake
    const uint64_t held = bench.kernel().send(abi::kGetattr, kUnannounced);
    EXPECT_EQ(bench.kernel().receive(bench.kernel().send(abi::kGetattr, kQuick), 2000ms).error, 0);
    bench.open(1);
    EXPECT_EQ(bench.kernel().receive(held).error, 0);
  }
}

TEST("a look for the client's core that blocks stops neither that client nor anybody else") {
  std::counting_semaphore<100> gate{0};
  std::atomic<unsigned> looking{0};
  Bench bench({.threads = 2}, {.mine = [] { return 0U; },
                               .of = [&](pid_t) -> std::optional<unsigned> {
                                 ++looking;
                                 gate.acquire();
                                 return std::nullopt;
                               },
                               .move = [](unsigned, sys::Roaming) { return true; }});
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(300us);  // the rhythm of two cores
    EXPECT_EQ(bench.kernel().receive(bench.kernel().send(abi::kGetattr, kQuick), 2000ms).error, 0);
  }
  EXPECT(looking > 0U);
  gate.release(100);
}

TEST("the reader of a program's pages does not look, since its client may be in execve") {
  std::atomic<unsigned> looking{0};
  Bench bench({.threads = 2}, {.mine = [] { return 0U; },
                               .of = [&](pid_t) -> std::optional<unsigned> {
                                 ++looking;
                                 return 0U;
                               },
                               .move = [](unsigned, sys::Roaming) { return true; }});
  abi::ReadIn in{};
  const auto read = [&](uint32_t flags) {
    in.flags = flags;
    for (int i = 0; i < 20; ++i) {
      std::this_thread::sleep_for(300us);
      EXPECT_EQ(bench.kernel().call(abi::kRead, kQuick, testing::Message().add(in)).error, 0);
    }
  };
  constexpr uint32_t kLargeFile = 0100000, kExec = 0x20;
  read(kLargeFile | kExec);
  EXPECT_EQ(looking.load(), 0U);
  read(kLargeFile);
  EXPECT(looking.load() > 0U);
}

TEST("more blocked requests than threads allowed still leave one that reads") {
  Bench bench({.threads = 2});
  std::vector<uint64_t> held;
  for (int i = 0; i < 12; ++i) {
    held.push_back(bench.kernel().send(abi::kGetattr, kAnnounced));
    EXPECT_EQ(bench.kernel().call(abi::kGetattr, kQuick).error, 0);
  }
  EXPECT(testing::soon([&] { return bench.waiting() == 12; }));
  bench.open(12);
  for (const uint64_t unique : held) EXPECT_EQ(bench.kernel().receive(unique).error, 0);
  EXPECT_EQ(bench.kernel().call(abi::kGetattr, kQuick).error, 0);
}

TEST("an interrupt reaches the request it names and no other") {
  Bench bench({.threads = 4});
  const uint64_t first = bench.kernel().send(abi::kGetattr, kAnnounced);
  const uint64_t second = bench.kernel().send(abi::kGetattr, kAnnounced);
  EXPECT(testing::soon([&] { return bench.waiting() == 2; }));
  EXPECT(bench.inFlight().interrupt(first));
  EXPECT_EQ(bench.kernel().receive(first).error, EINTR);
  EXPECT_EQ(bench.kernel().receive(second, 50ms).error, testing::Answer::kNone);
  EXPECT(!bench.inFlight().interrupt(first));
  bench.open(1);
  EXPECT_EQ(bench.kernel().receive(second).error, 0);
}

TEST("when the kernel ends the connection all threads leave and the end is told once") {
  Bench bench({.threads = 4});
  auto ended = bench.ended();
  bench.kernel().send(abi::kGetattr, kAnnounced);
  bench.kernel().call(abi::kGetattr, kQuick);
  bench.open(1);
  bench.kernel().close();
  EXPECT(ended.wait_for(5s) == std::future_status::ready);
  EXPECT_EQ(ended.get(), "unmounted");
  EXPECT(bench.workers().waitEnd(5s));
  EXPECT_EQ(bench.workers().threads(), 0U);
}

TEST("stopping ends threads that wait for messages") {
  Bench bench({.threads = 4});
  auto ended = bench.ended();
  bench.kernel().send(abi::kGetattr, kAnnounced);
  bench.kernel().call(abi::kGetattr, kQuick);
  bench.open(1);
  bench.workers().stop();
  EXPECT_EQ(ended.get(), "stopped");
  EXPECT_EQ(bench.workers().threads(), 0U);
}

void answerManyClients(unsigned readers) {
  Bench bench({.threads = 4, .readers = readers});
  std::vector<std::thread> clients;
  std::atomic<unsigned> answered{0};
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([&] {
      for (int i = 0; i < 200; ++i) answered += bench.kernel().call(abi::kGetattr, kQuick).ok() ? 1 : 0;
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered.load(), 1600U);
}

TEST("many clients at once are all answered, by one reader or by several") {
  for (const unsigned readers : {1U, 3U}) answerManyClients(readers);
}

}  // namespace
}  // namespace unionfs

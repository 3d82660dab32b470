// workers.cc - leading, following, and the hand-over between them.
#include "fuse/workers.h"

#include <algorithm>
#include <new>
#include <thread>
#include <utility>

#include "base/blocking.h"
#include "base/log.h"
#include "fuse/request.h"
#include "sys/serving_thread.h"

namespace unionfs {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// A follower beyond the first that was not needed for so long ends.
constexpr auto kIdleLife = std::chrono::seconds(10);
// A leader at one request for two ticks loses its place.
constexpr auto kTick = milliseconds(4);
// The watchdog goes to sleep after so many ticks without a request.
constexpr unsigned kQuietTicks = 5;
// Messages that arrive faster than this were queued before the last one was answered...
constexpr auto kQueuedGap = nanoseconds(3000);
// ...and so many of them in a row are a queue.
constexpr unsigned kQueueLength = 128;
// A reader beyond the first that waited so long has no queue to help with.
constexpr auto kSlackGap = microseconds(100);

// Measured on two cores: a second reader answers four clients no faster than one, and eight of them slower.
unsigned readerLimit(WorkerLimits limits) {
  const unsigned asked = limits.readers > 0 ? limits.readers : std::thread::hardware_concurrency() / 2;
  return std::clamp(asked, 1U, std::clamp(limits.threads, 1U, kThreadLimit));
}

// A READ of a file that was opened to be executed: its client may be in execve(2), which a look would wait for. Says so of
// later ones of such a file, too. Linux: fs/exec.c:do_open_execat() has __FMODE_EXEC among the open flags.
bool mayBeForExec(std::span<const std::byte> message) {
  constexpr uint32_t kOpenedForExec = 0x20;
  const auto request = Request::parse(message);
  if (!request) return true;
  Arguments arguments = request->arguments();
  const auto in = arguments.take<abi::ReadIn>();
  return !in || (in->flags & kOpenedForExec) != 0;
}

// Without memory there is no further thread, as without a permission to make one.
Result<sys::Thread> startThread(std::function<void()> body) {
  try {
    return sys::Thread::start(std::move(body));
  } catch (const std::bad_alloc&) {
    return Errno(ENOMEM);
  }
}

}  // namespace

Workers::Workers(Channel channel, Serve serve, InFlight& inFlight, WorkerLimits limits, size_t bufferSize, Placement::Machine machine,
                 Deference::Machine load)
    : first_(std::move(channel)),
      serve_(std::move(serve)),
      inFlight_(inFlight),
      maxThreads_(std::clamp(limits.threads, 1U, kThreadLimit)),
      maxReaders_(readerLimit(limits)),
      bufferSize_(bufferSize),
      deference_(std::move(load)) {
  for (unsigned i = 0; i < workers_.size(); ++i) {
    workers_[i].index = i;
    workers_[i].owner = this;
    workers_[i].placement = Placement(machine);
  }
  idle_.reserve(kThreadLimit);  // handing over a place must not need memory
}

Workers::~Workers() { stop(); }

Status Workers::start(OnEnd onEnd) {
  onEnd_ = std::move(onEnd);
  TRY_ASSIGN(watchdog_, sys::Thread::start([this] { watch(); }));
  const std::lock_guard lock(mu_);
  return spawnLocked() ? success() : Status(Errno(EAGAIN));
}

bool Workers::waitEnd(milliseconds time) {
  std::unique_lock lock(mu_);
  return left_.wait_for(lock, time, [this] { return running_ == 0; });
}

void Workers::stop() {
  endConnection(Errno(ECANCELED));
  std::unique_lock lock(mu_);
  // A signal may come just before the thread goes to wait, so it is repeated until all have left. Threads inside the
  // engine are not disturbed.
  while (running_ > 0) {
    for (Worker& worker : workers_) {
      if (worker.life == Life::running && !worker.serving()) worker.thread.wake();
    }
    left_.wait_for(lock, milliseconds(5));
  }
  for (Worker& worker : workers_) worker.thread.join();
  lock.unlock();
  {
    const std::lock_guard watchLock(watchMu_);
    watchStop_ = true;
    watchChanged_.notify_one();
  }
  watchdog_.join();
}

unsigned Workers::threads() const {
  const std::lock_guard lock(mu_);
  return running_;
}

bool Workers::hasEnded() const {
  const std::lock_guard lock(mu_);
  return ended_;
}

void Workers::endConnection(Errno why) {
  const std::lock_guard lock(mu_);
  if (ended_.exchange(true)) return;
  reason_ = why == ENODEV ? "unmounted" : why == ECANCELED ? "stopped" : "connection aborted (errno " + std::to_string(why.value()) + ")";
  for (Worker& worker : workers_) worker.wake.notify_all();
}

// --- the threads

bool Workers::prepare(Worker& worker) {
  if (!worker.channel) {
    auto clone = first_.clone();
    if (!clone) return false;
    worker.channel = std::move(*clone);
  }
  if (worker.in.bytes().empty()) {
    auto in = sys::PageBuffer::allocate(bufferSize_);
    auto out = sys::PageBuffer::allocate(bufferSize_);
    if (!in || !out) return false;
    worker.in = std::move(*in);
    worker.out = std::move(*out);
  }
  return true;
}

bool Workers::spawnLocked() {
  for (Worker& worker : workers_) {
    if (worker.life == Life::running) continue;
    worker.thread.join();  // it has left: nothing of ours is needed for its return
    if (!prepare(worker)) return false;
    worker.tid = 0;
    worker.spent = false;
    worker.givesWay = worker.stays = false;
    auto thread = startThread([this, &worker] { run(worker); });
    if (!thread) return false;
    worker.thread = std::move(*thread);
    worker.life = Life::running;
    ++running_;
    return true;
  }
  return false;
}

void Workers::run(Worker& worker) {
  const std::string name = "unionfs-" + std::to_string(worker.index);
  const Status ready = sys::becomeServingThread(name.c_str());
  setBlockingHook({.call =
                       [](void* at) {
                         auto& self = *static_cast<Worker*>(at);
                         self.owner->handOver(self);
                       },
                   .argument = &worker});
  std::unique_lock lock(mu_);
  worker.tid = sys::currentThread();
  worker.givesWay = sys::givesWay();
  if (!ready) {
    log::write(log::Level::error, "a serving thread got no umask of its own", {{"errno", ready.error().value()}});
    // The only thread must serve all the same, or the mount hangs; the process umask is then part of every mode.
    if (running_ > 1) return leave(worker, lock);
  }
  while (follow(worker, lock)) {
    lock.unlock();
    lead(worker);
    lock.lock();
  }
  leave(worker, lock);
}

void Workers::leave(Worker& worker, std::unique_lock<std::mutex>& lock) {
  const bool last = running_ == 1 && ended_;
  if (last) {
    const OnEnd onEnd = std::exchange(onEnd_, nullptr);
    const std::string reason = reason_;
    lock.unlock();
    if (onEnd) onEnd(reason);
    lock.lock();
  }
  --running_;
  worker.life = Life::left;
  left_.notify_all();
}

bool Workers::follow(Worker& worker, std::unique_lock<std::mutex>& lock) {
  if (std::exchange(worker.heldUp, false)) --heldUp_;
  if (worker.spent && readers_ >= wantedReaders_) return false;
  while (!ended_ && readers_ >= wantedReaders_) {
    idle_.push_back(&worker);
    worker.called = false;
    const bool needed = worker.wake.wait_for(lock, kIdleLife, [&] { return worker.called || ended_; });
    std::erase(idle_, &worker);
    if (!needed && readers_ >= wantedReaders_ && !idle_.empty()) return false;
  }
  if (ended_) return false;
  ++readers_;
  worker.immediate = 0;
  worker.reading.store(true);
  return true;
}

void Workers::lead(Worker& worker) {
  auto free = Clock::now();
  while (worker.reading.load(std::memory_order_acquire)) {
    const auto received = worker.channel.receive(worker.in.bytes());
    if (ended_.load(std::memory_order_relaxed)) return;
    if (received.state == Channel::Received::State::retry) continue;
    if (received.state == Channel::Received::State::ended) return endConnection(received.error);
    const auto waited = Clock::now() - free;
    const bool needed = adapt(worker, waited);
    const auto message = worker.in.bytes().first(received.size);
    const auto client = strayedFrom(worker, message, waited);
    serveOne(worker, received.size);
    if (client) busy(worker, [&] { followClient(worker, *client); });
    if (!needed) handOver(worker);
    free = Clock::now();
  }
}

template <typename Work>
void Workers::busy(Worker& worker, Work&& work) {
  // Sequentially consistent together with the watchdog going to sleep: one of the two sees the other.
  worker.progress.fetch_add(1);
  if (watchAsleep_.load()) rouseWatchdog();
  work();
  worker.progress.fetch_add(1, std::memory_order_release);
}

void Workers::serveOne(Worker& worker, size_t size) {
  busy(worker, [&] { serve_(worker.in.bytes().first(size), worker.channel, worker.out.bytes(), inFlight_.slot(worker.index)); });
}

// A client stays where it is while the thread gives way to it; the thread then stays, too.
void Workers::followClient(Worker& worker, pid_t client) {
  const bool stays = worker.givesWay.load();
  if (stays) worker.stays = true;
  worker.placement.look(client, stays ? sys::Roaming::stayed : sys::Roaming::free);
}

std::optional<pid_t> Workers::strayedFrom(Worker& worker, std::span<const std::byte> message, nanoseconds waited) {
  const abi::InHeader header = peekHeader(message);
  // Data is written in large pieces.
  if (header.opcode == abi::kWrite || (header.opcode == abi::kRead && mayBeForExec(message))) return std::nullopt;
  const auto client = static_cast<pid_t>(header.pid);
  return worker.placement.arrived(client, waited) ? std::optional(client) : std::nullopt;
}

bool Workers::adapt(Worker& worker, nanoseconds waited) {
  if (maxReaders_ == 1) return true;
  if (waited < kQueuedGap) {
    if (++worker.immediate != kQueueLength) return true;
    const std::lock_guard lock(mu_);
    if (wantedReaders_ < maxReaders_) {
      ++wantedReaders_;
      fillPlacesLocked();
    }
    return true;
  }
  worker.immediate = 0;
  if (waited < kSlackGap) return true;
  const std::lock_guard lock(mu_);
  if (wantedReaders_ == 1) return true;
  --wantedReaders_;
  return readers_ <= wantedReaders_;
}

void Workers::handOver(Worker& worker) {
  if (!worker.reading.load()) return;
  const std::lock_guard lock(mu_);
  handOverLocked(worker);
}

// The worker sees that its place is gone no sooner than the counts do: it would follow, or leave, as one that still reads.
void Workers::handOverLocked(Worker& worker) {
  if (!worker.reading.exchange(false)) return;
  --readers_;
  worker.heldUp = true;
  ++heldUp_;
  if (!ended_) fillPlacesLocked();
}

void Workers::fillPlacesLocked() {
  if (readers_ >= wantedReaders_) return;
  if (!idle_.empty()) {
    Worker* next = idle_.back();
    idle_.pop_back();
    next->called = true;
    next->wake.notify_one();
  } else if (running_ - heldUp_ < maxThreads_ && running_ < kThreadLimit && !spawnLocked()) {
    log::write(log::Level::warn, "no further serving thread", {{"threads", running_}});
  }
}

// --- the watchdog

void Workers::rouseWatchdog() {
  const std::lock_guard lock(watchMu_);
  if (watchAsleep_.exchange(false)) watchChanged_.notify_one();
}

Workers::Served Workers::look(std::array<uint64_t, kThreadLimit>& seen) {
  Served served;
  for (Worker& worker : workers_) {
    const uint64_t now = worker.progress.load();
    const uint64_t before = std::exchange(seen[worker.index], now);
    const bool serving = (now & 1) != 0;
    served.active |= serving || now != before;
    served.requests += (now - before) / 2;
    if (serving && now == before && worker.reading.load()) handOver(worker);
  }
  return served;
}

void Workers::arrange(Manner manner) {
  for (Worker& worker : workers_) {
    const std::lock_guard lock(mu_);
    // A thread that runs has this number until it has left.
    if (worker.life != Life::running || worker.tid == 0) continue;
    const bool should = manner == Manner::giveWay && worker.reading.load();
    if (!should && worker.stays.exchange(false)) static_cast<void>(sys::roam(worker.tid));  // at most it stays where it is
    if (worker.givesWay == should) continue;
    if (should || deference_.hasWayBack()) {
      if (sys::giveWay(worker.tid, should)) worker.givesWay = should;
    } else if (manner == Manner::compete) {
      worker.spent = true;
      handOverLocked(worker);
    }
  }
}

void Workers::watch() {
  const Status ready = sys::becomeServingThread("unionfs-watch");
  if (!ready) log::write(log::Level::debug, "watchdog keeps the umask of the process", {{"errno", ready.error().value()}});
  std::array<uint64_t, kThreadLimit> seen{};
  unsigned quiet = 0;
  std::unique_lock lock(watchMu_);
  while (!watchStop_) {
    if (quiet >= kQuietTicks) {
      watchAsleep_.store(true);
      if (std::ranges::any_of(workers_, &Worker::serving)) watchAsleep_.store(false);
      watchChanged_.wait(lock, [this] { return watchStop_ || !watchAsleep_.load(); });
      quiet = 0;
      if (deference_.look(0, kTick)) arrange(Manner::giveWay);  // a burst of requests may be over before the first tick
    }
    const auto begun = Clock::now();
    watchChanged_.wait_for(lock, kTick);
    if (watchStop_) return;
    lock.unlock();
    const Served served = look(seen);
    quiet = served.active ? 0 : quiet + 1;
    if (quiet < kQuietTicks) {
      arrange(deference_.look(served.requests, Clock::now() - begun) ? Manner::giveWay : Manner::compete);
    } else {
      deference_.pause();
      arrange(Manner::pause);
    }
    lock.lock();
  }
}

}  // namespace unionfs

// workers.h - the threads that serve a connection, leader and followers.
//
// One thread, the leader, reads and serves while one is enough: a round trip is cheapest when the same thread takes
// every request. Before work that may take long it hands the reading over to a follower and joins the followers
// afterwards; a watchdog does the same for a leader that has been at one request for some milliseconds. When requests
// queue without pause and there are cores to spare, another reader joins until the queue is gone.
//
// Threads that are held up by long work do not count against the limit, so that waiting never stops the mount.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "fuse/abi.h"
#include "fuse/channel.h"
#include "fuse/deference.h"
#include "fuse/in_flight.h"
#include "fuse/placement.h"
#include "sys/serving_thread.h"

namespace unionfs {

struct WorkerLimits {
  unsigned threads = 4;  // that are not held up
  unsigned readers = 0;  // at once; 0: half of the cores, since clients need the other half
};

class Workers {
 public:
  using OnEnd = std::function<void(std::string reason)>;
  // Serves one message; the spare buffer and the slot are the serving thread's own.
  using Serve =
      std::function<void(std::span<const std::byte> message, const Channel& channel, std::span<std::byte> spare, InFlight::Slot& slot)>;

  Workers(Channel channel, Serve serve, InFlight& inFlight, WorkerLimits limits, size_t bufferSize, Placement::Machine machine = {},
          Deference::Machine load = {});
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // `onEnd` runs once, on the last thread that leaves.
  Status start(OnEnd onEnd);
  // Waits until the connection has ended by itself. False when it has not within the time.
  bool waitEnd(std::chrono::milliseconds time);
  // Ends the threads, whatever the connection does, and joins them.
  void stop();

  [[nodiscard]] unsigned threads() const;
  // The connection has ended, or stop() was called; threads may still be on their way out.
  [[nodiscard]] bool hasEnded() const;
  [[nodiscard]] const Channel& device() const { return first_; }

 private:
  // Where a worker's thread is in its life.
  enum class Life {
    absent,   // no thread; the channel may be kept from an earlier one
    running,  // serving or waiting
    left,     // returned, or about to, touching nothing of ours any more; to be joined
  };

  struct Worker {
    unsigned index = 0;
    Workers* owner = nullptr;
    Channel channel;
    sys::PageBuffer in, out;
    sys::Thread thread;                 // guarded by mu_
    Life life = Life::absent;           // guarded by mu_
    std::condition_variable wake;       // called, or the end has come
    bool called = false;                // guarded by mu_: to take a reader's place
    bool heldUp = false;                // guarded by mu_: gave the reading away for the request it serves
    pid_t tid = 0;                      // guarded by mu_
    bool spent = false;                 // guarded by mu_: gives way for good, and is wanted as a reader no more
    std::atomic<bool> givesWay{false};  // written under mu_
    std::atomic<bool> stays{false};     // on one core
    std::atomic<bool> reading{false};   // holds a reader's place
    // Twice the number of requests (and looks) begun, and one more while the last of them goes on. The watchdog compares.
    std::atomic<uint64_t> progress{0};
    unsigned immediate = 0;  // of the worker's own thread: requests in a row that were there already
    Placement placement;     // of the worker's own thread

    [[nodiscard]] bool serving() const { return (progress.load() & 1) != 0; }
  };

  void run(Worker& worker);
  // Waits for a reader's place. False: the thread shall leave.
  bool follow(Worker& worker, std::unique_lock<std::mutex>& lock);
  // Reads and serves until the place is gone.
  void lead(Worker& worker);
  void serveOne(Worker& worker, size_t size);
  // The client of this message, when the worker shall look where it runs once it is answered.
  std::optional<pid_t> strayedFrom(Worker& worker, std::span<const std::byte> message, std::chrono::nanoseconds waited);
  void followClient(Worker& worker, pid_t client);
  // Runs what may take long as a request does: with the watchdog awake, so that somebody else reads meanwhile.
  template <typename Work>
  void busy(Worker& worker, Work&& work);
  // Keeps the number of readers fit for the queue. False: this reader is one too many.
  bool adapt(Worker& worker, std::chrono::nanoseconds waited);
  // Gives the worker's place to another thread, if it still has it.
  void handOver(Worker& worker);
  void handOverLocked(Worker& worker);
  void fillPlacesLocked();
  bool spawnLocked();
  bool prepare(Worker& worker);
  void leave(Worker& worker, std::unique_lock<std::mutex>& lock);
  void endConnection(Errno why);

  void watch();
  // What was served since the last look.
  struct Served {
    uint64_t requests = 0;
    bool active = false;  // one at least was or is being served
  };
  Served look(std::array<uint64_t, kThreadLimit>& seen);
  void rouseWatchdog();
  enum class Manner {
    giveWay,  // threads that read, to others
    compete,
    pause,  // as compete, but not at the cost of a thread
  };
  void arrange(Manner manner);

  Channel first_;  // the one INIT was answered on; kept open for ioctls
  const Serve serve_;
  InFlight& inFlight_;
  const unsigned maxThreads_;
  const unsigned maxReaders_;
  const size_t bufferSize_;
  OnEnd onEnd_;

  mutable std::mutex mu_;
  std::condition_variable left_;  // a thread has left
  std::array<Worker, kThreadLimit> workers_;
  unsigned running_ = 0;  // guarded by mu_, as all below
  unsigned heldUp_ = 0;
  // Who waits for a place. The last to come is called first, so that threads beyond what is needed grow old and end.
  std::vector<Worker*> idle_;
  unsigned readers_ = 0;
  unsigned wantedReaders_ = 1;
  std::string reason_;
  std::atomic<bool> ended_{false};  // written under mu_

  std::mutex watchMu_;
  std::condition_variable watchChanged_;
  bool watchStop_ = false;  // guarded by watchMu_
  std::atomic<bool> watchAsleep_{false};
  Deference deference_;  // of the watchdog's thread
  sys::Thread watchdog_;
};

}  // namespace unionfs

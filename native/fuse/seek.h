// seek.h - SEEK_DATA and SEEK_HOLE while the kernel holds written data that the engine has not seen.
//
// With the write-back cache the kernel asks for holes without writing its dirty pages back first, so what looks like
// a hole here may be data there. Only the part that looks like a hole matters: it is written back by a notification,
// and then looked at again. The notification waits for WRITEs, so it runs on a thread of its own that serves nothing.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "fuse/channel.h"
#include "fuse/notify.h"
#include "overlay/overlay.h"
#include "sys/serving_thread.h"

namespace unionfs {

// One LSEEK that waits for its answer.
struct SeekTask {
  const Channel* channel = nullptr;  // where it came from
  uint64_t unique = 0;
  NodeId node = 0;
  uint64_t offset = 0;
  int whence = 0;
};

class DataSeeker {
 public:
  explicit DataSeeker(Overlay& overlay) : overlay_(overlay) {}
  ~DataSeeker() { stop(); }
  DataSeeker(const DataSeeker&) = delete;
  DataSeeker& operator=(const DataSeeker&) = delete;

  // Takes the task over; its answer is sent later. False when that is impossible (no thread can be started).
  bool take(const SeekTask& task);
  // Drops what waits and ends the thread. The connection must be gone or going.
  void stop();

 private:
  void run();
  Result<uint64_t> seek(const SeekTask& task);
  Result<uint64_t> seekData(const SeekTask& task, const Notifier& notifier);
  Result<uint64_t> seekHole(const SeekTask& task, const Notifier& notifier);

  Overlay& overlay_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<SeekTask> tasks_;  // guarded by mu_
  bool stopping_ = false;       // guarded by mu_
  sys::Thread thread_;          // guarded by mu_; started by the first task
};

}  // namespace unionfs

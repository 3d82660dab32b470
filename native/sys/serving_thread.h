// serving_thread.h - what the operating system must know about a thread that serves requests.
#pragma once

#include <pthread.h>

#include <functional>
#include <utility>

#include "base/result.h"

namespace unionfs::sys {

// A thread whose start may fail (process limits) without ending the process, as std::thread would. Joined
// at the latest when it is destroyed.
class Thread {
 public:
  static Result<Thread> start(std::function<void()> body);
  Thread() = default;
  Thread(Thread&& other) noexcept : id_(other.id_), joinable_(std::exchange(other.joinable_, false)) {}
  Thread& operator=(Thread&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(joinable_, other.joinable_);
    return *this;
  }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread() { join(); }

  [[nodiscard]] bool joinable() const { return joinable_; }
  // Waits for its end; nothing when there is none.
  void join();
  // Interrupts the system call the thread waits in (EINTR). May come too early: repeat until it is gone.
  void wake() const;

 private:
  pthread_t id_{};
  bool joinable_ = false;
};

// For the calling thread: a name for ps, a umask of its own that is 0, no signal but the one of Thread::wake, and no
// right to pass disk quotas or to use reserved space (CAP_SYS_RESOURCE): what it writes, others have asked for.
// Fails when the kernel refuses; the thread must then not serve.
Status becomeServingThread(const char* name);

}  // namespace unionfs::sys

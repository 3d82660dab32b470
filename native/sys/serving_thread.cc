// serving_thread.cc - umask, signals, name and rights of a serving thread.
#include "sys/serving_thread.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/stat.h>

#include <csignal>
#include <memory>
#include <mutex>
#include <tuple>

#include "sys/core.h"
#include "sys/creds.h"

namespace unionfs::sys {
namespace {

// Ignored by default, so that one sent by anybody else changes nothing.
constexpr int kWakeSignal = SIGURG;

void onWake(int) {}

void installWakeHandler() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_handler = onWake;  // without SA_RESTART: the call it interrupts must return
    sigemptyset(&action.sa_mask);
    sigaction(kWakeSignal, &action, nullptr);
  });
}

}  // namespace

Status becomeServingThread(const char* name) {
  installWakeHandler();
  sigset_t blocked;
  sigfillset(&blocked);
  sigdelset(&blocked, kWakeSignal);
  pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
  pthread_setname_np(pthread_self(), name);
  if (::unshare(CLONE_FS) != 0) return Errno::last();
  ::umask(0);
  // Linux: fs/overlayfs/super.c:ovl_fill_super() lowers it for the same reason.
  return giveUpCapability(CAP_SYS_RESOURCE);
}

Result<Thread> Thread::start(std::function<void()> body) {
  auto owned = std::make_unique<std::function<void()>>(std::move(body));
  Thread thread;
  const int error = pthread_create(
      &thread.id_, nullptr,
      [](void* at) -> void* {
        const std::unique_ptr<std::function<void()>> work(static_cast<std::function<void()>*>(at));
        // Both are handed down by the thread that starts this one; the first stays, without the right to change it.
        if (givesWay()) std::ignore = giveWay(currentThread(), false);
        std::ignore = roam(currentThread());
        (*work)();
        return nullptr;
      },
      owned.get());
  if (error != 0) return Errno(error);
  std::ignore = owned.release();
  thread.joinable_ = true;
  return thread;
}

void Thread::join() {
  if (std::exchange(joinable_, false)) pthread_join(id_, nullptr);
}

void Thread::wake() const {
  if (joinable_) pthread_kill(id_, kWakeSignal);
}

}  // namespace unionfs::sys

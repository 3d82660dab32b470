// serving_thread.cc - umask, signals and name of a serving thread.
#include "sys/serving_thread.h"

#include <sched.h>
#include <sys/stat.h>

#include <csignal>
#include <mutex>

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
  return success();
}

void wakeThread(pthread_t thread) { pthread_kill(thread, kWakeSignal); }

}  // namespace unionfs::sys

// locks.cc - advisory locks, and child processes that take one (record locks never conflict within a process).
//
// A forked child makes only async-signal-safe calls: the parent is a multi-threaded Node process.
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "support.h"

namespace posixtest {
namespace {

Value flockCall(const Info& info) { return number(info.Env(), ::flock(intArg(info, 0), intArg(info, 1)), "flock"); }

struct flock range(const Info& info, size_t first) {
  struct flock lock = {};
  lock.l_type = static_cast<short>(integer(info, first));
  lock.l_whence = SEEK_SET;
  lock.l_start = integer(info, first + 1);
  lock.l_len = integer(info, first + 2);
  return lock;
}

// fcntlLock(fd, cmd, type, start, length): the lock as the kernel wrote it back.
Value fcntlLock(const Info& info) {
  struct flock lock = range(info, 2);
  if (::fcntl(intArg(info, 0), intArg(info, 1), &lock) < 0) return fail(info.Env(), errno, "fcntl");
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("type", Napi::Number::New(info.Env(), lock.l_type));
  out.Set("start", Napi::Number::New(info.Env(), static_cast<double>(lock.l_start)));
  out.Set("length", Napi::Number::New(info.Env(), static_cast<double>(lock.l_len)));
  out.Set("pid", Napi::Number::New(info.Env(), lock.l_pid));
  return out;
}

// forkLock(path, cmd, type, start, length): a child opens the file, takes the lock and exits with the errno.
// cmd 0 means flock(type). Returns the pid; collect with waitChild.
Value forkLock(const Info& info) {
  const std::string path = bytes(info, 0);
  const int cmd = intArg(info, 1);
  struct flock lock = range(info, 2);
  const pid_t pid = ::fork();
  if (pid != 0) return number(info.Env(), pid, "fork");
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) ::_exit(errno);
  const int rc = cmd == 0 ? ::flock(fd, lock.l_type) : ::fcntl(fd, cmd, &lock);
  ::_exit(rc < 0 ? errno : 0);
}

// Waits up to `milliseconds`: the exit code, 128 + signal, or -1 while the child still runs.
Value waitChild(const Info& info) {
  const pid_t pid = intArg(info, 0);
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (handle < 0) return fail(info.Env(), errno, "pidfd_open");
  pollfd ready = {handle, POLLIN, 0};
  const int rc = ::poll(&ready, 1, intArg(info, 1));
  ::close(handle);
  if (rc == 0) return Napi::Number::New(info.Env(), -1);
  int status = 0;
  if (::waitpid(pid, &status, 0) < 0) return fail(info.Env(), errno, "waitpid");
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return Napi::Number::New(info.Env(), code);
}

}  // namespace

void exposeLocks(Napi::Env env, Napi::Object& exports) {
  expose(env, exports, "flock", flockCall);
  expose(env, exports, "fcntlLock", fcntlLock);
  expose(env, exports, "forkLock", forkLock);
  expose(env, exports, "waitChild", waitChild);
}

}  // namespace posixtest

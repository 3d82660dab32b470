// child.cc - see child.h.
#include "child.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "report.h"

namespace bench {

Child::Child(const std::function<void()>& work) : pid_(fork()) {
  if (pid_ < 0) fail("fork", "");
  if (pid_ > 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  work();
  std::_Exit(0);
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

Child::~Child() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool Child::hasEnded() {
  int status = 0;
  const pid_t ended = waitpid(pid_, &status, WNOHANG);
  if (ended < 0) fail("waitpid", "");
  if (ended == 0) return false;
  judge(status);
  return true;
}

void Child::wait() {
  int status = 0;
  if (waitpid(pid_, &status, 0) < 0) fail("waitpid", "");
  judge(status);
}

void Child::judge(int status) {
  pid_ = -1;
  // The child has said why on stderr.
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) failWith("a client process failed");
}

}  // namespace bench

// fault_loop.cc - arming the faults, in this process or in a child.
#include "testing/fault_loop.h"

#include <sys/wait.h>
#include <unistd.h>

#include "testing/test.h"

namespace unionfs::testing {
namespace {

constexpr int kDied = 77;  // what fault::Effect::die exits with
constexpr uint64_t kLimit = 5000;

}  // namespace

void FaultAttempt::run(const std::function<void()>& work) {
  if (plan_.effect != fault::Effect::die) {
    fault::arm(plan_);
    work();
    struck_ = fault::passed() >= plan_.at;
    fault::disarm();
    return;
  }
  const pid_t child = ::fork();
  if (child == 0) {
    fault::arm(plan_);
    work();
    ::_exit(0);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) {
    recordFailure(__FILE__, __LINE__, "no child process");
    return;
  }
  struck_ = WIFEXITED(status) && WEXITSTATUS(status) == kDied;
  if (!struck_ && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
    recordFailure(__FILE__, __LINE__, "the child crashed by itself at call " + std::to_string(plan_.at));
}

uint64_t forEachFault(fault::Effect effect, const std::function<void(FaultAttempt&)>& attempt, int error) {
  for (uint64_t at = 1; at <= kLimit; ++at) {
    FaultAttempt one({.effect = effect, .at = at, .error = error});
    attempt(one);
    if (!one.struck()) return at - 1;
  }
  recordFailure(__FILE__, __LINE__, "the operation does not come to an end");
  return kLimit;
}

}  // namespace unionfs::testing

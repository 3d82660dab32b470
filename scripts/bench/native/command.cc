// command.cc - runs a command and times it, or times how long it takes until a mount answers.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "fd.h"
#include "report.h"
#include "verbs.h"

namespace bench {

namespace {

constexpr double kReadyLimitSeconds = 20;
constexpr int kNotStarted = 127;
constexpr useconds_t kPollMicroseconds = 200;

// What the command prints goes to --log; the client's own stdout stays for the report.
[[noreturn]] void become(const Args& args) {
  // A client that is killed for its time limit takes the command with it; what the command has forked (a daemon) is not concerned.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const Fd input = openFile(args.text("stdin", "/dev/null"), O_RDONLY);
  const Fd log = openFile(args.text("log"), O_WRONLY | O_CREAT | O_APPEND);
  if (dup2(input.get(), 0) < 0 || dup2(log.get(), 1) < 0 || dup2(log.get(), 2) < 0) fail("dup2", "");
  if (const std::string cwd = args.text("cwd", "."); chdir(cwd.c_str()) != 0) fail("chdir", cwd);
  const std::vector<char*> command = args.command();
  execvp(command[0], command.data());
  const int error = errno;
  dprintf(2, "%s: cannot be started (errno %d)\n", command[0], error);
  std::_Exit(kNotStarted);
}

void runCommand(const Args& args) {
  const pid_t pid = fork();
  if (pid < 0) fail("fork", "");
  if (pid == 0) become(args);
  int status = 0;
  if (waitpid(pid, &status, 0) < 0) fail("waitpid", "");
  if (WIFSIGNALED(status)) failWith(std::string(args.command()[0]) + ": killed by signal " + std::to_string(WTERMSIG(status)));
  if (WEXITSTATUS(status) != 0) failWith(std::string(args.command()[0]) + ": exit " + std::to_string(WEXITSTATUS(status)));
}

dev_t deviceOf(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) fail("stat", path);
  return status.st_dev;
}

}  // namespace

void timeCommand(const Args& args) {
  const Stopwatch watch;
  runCommand(args);
  Report().add("seconds", watch.seconds()).print();
}

void mountReady(const Args& args) {
  const std::string& mountpoint = args.text("mountpoint");
  const dev_t before = deviceOf(mountpoint);
  const Stopwatch watch;
  runCommand(args);
  while (deviceOf(mountpoint) == before) {
    if (watch.seconds() > kReadyLimitSeconds) failWith("the command ended, but nothing is mounted");
    usleep(kPollMicroseconds);
  }
  Report().add("seconds", watch.seconds()).print();
}

}  // namespace bench

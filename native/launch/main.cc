// main.cc - the command `unionfs`: finds node and the program beside itself and runs it.
//
// Everything but a mount in the background simply becomes `node main.cjs ARGUMENTS`. For that one the starter forks: the
// child is the daemon from the first moment (new session, no terminal, nothing of the caller's output held), and the
// starter waits until it says "usable" or why not. So a mount costs one start of node, and a daemon never outlives a
// failure unseen. A mount that is asked for as container engines do, and is plain, is served by the child as it is: that
// costs no start of node at all (daemon/daemon.h).
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/words.h"
#include "daemon/daemon.h"
#include "daemon/plain_request.h"
#include "launch/starter_pipe.h"

namespace {

using unionfs::launch::kDaemonEnd;
using unionfs::launch::kVariable;

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;
constexpr int kExitNoProgram = 127;
// With fewer, node ends with a fault of its own. What a mount needs besides, the program counts (src/engine/descriptors.ts).
constexpr rlim_t kLeastDescriptors = 40;

volatile sig_atomic_t daemonPid = 0;

[[noreturn]] void fail(int code, const std::string& text) {
  std::fprintf(stderr, "unionfs: %s\n", text.c_str());
  std::exit(code);
}

// dist/bin/unionfs -> dist/bin/program/main.cjs, wherever a symlink in PATH points from.
std::string findProgram() {
  std::array<char, PATH_MAX> self{};
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size() - 1);
  if (length < 0) fail(kExitNoProgram, "cannot find its own program files: /proc is not mounted");
  std::string path(self.data(), static_cast<size_t>(length));
  path.resize(path.rfind('/'));
  path += "/program/main.cjs";
  if (::access(path.c_str(), R_OK) != 0) fail(kExitNoProgram, path + " is missing; build or install unionfs again");
  return path;
}

bool isOptionList(std::string_view argument) {
  return argument.substr(0, 2) == "-o" || argument == "--options" || argument.substr(0, 10) == "--options=";
}

// The last part of the path it was called by.
std::string_view calledAs(char** argv) {
  const std::string_view path(argv[0]);
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool isMountHelper(char** argv) { return calledAs(argv).substr(0, 6) == "mount."; }

// Called as container engines, mount(8) and fstab do: [SOURCE] MOUNTPOINT -o OPTIONS (src/program/form.ts decides in
// the same way). A verb with -o is a mistake, and its words come out the same.
bool isMountProgram(int argc, char** argv) {
  if (calledAs(argv) == unionfs::daemon::kStandIn || isMountHelper(argv)) return true;
  return std::any_of(argv + 1, argv + argc, &isOptionList);
}

// Whether such a program is asked for anything but a mount in the background. In helpers of mount(8), -f is another
// thing (src/program/words.ts).
bool isBackgroundProgram(int argc, char** argv) {
  const bool helper = isMountHelper(argv);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    for (const std::string_view word : {"-d", "--debug", "-h", "--help", "-V", "--version"}) {
      if (argument == word) return false;
    }
    if (argument == "-f" && !helper) return false;
    if (!isOptionList(argument)) continue;
    const bool apart = argument == "-o" || argument == "--options";
    const std::string list = "," + std::string(!apart ? argument.substr(2) : i + 1 < argc ? argv[i + 1] : "") + ",";
    if (list.find(",debug,") != std::string::npos) return false;
  }
  return true;
}

// Serving in the background is what `mount` does unless told otherwise. Help and usage errors go the same way: their
// text comes through the pipe.
bool isBackgroundMount(int argc, char** argv) {
  if (argc < 2 || std::string_view(argv[1]) != "mount") return isMountProgram(argc, argv) && isBackgroundProgram(argc, argv);
  for (int i = 2; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    if (argument == "--") return true;
    if (argument == "-f" || argument == "--foreground" || argument == "-h" || argument == "--help") return false;
  }
  return true;
}

// What node would mangle is refused here, in the form's own exit status.
void requireText(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (unionfs::words::isUtf8(argv[i])) continue;
    const bool verb = argc >= 2 && std::string_view(argv[1]) == "mount";
    fail(!verb && isMountProgram(argc, argv) ? kExitFailure : kExitUsage,
         unionfs::words::shownBytes(argv[i]) +
             " is not UTF-8; name files in UTF-8 only: rename it, or mount it elsewhere with mount --bind and name that");
  }
}

void raiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  // With the old limit the mount works, only its descriptor caches are smaller.
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return;
}

void requireDescriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max >= kLeastDescriptors) return;
  const std::string least = std::to_string(kLeastDescriptors);
  fail(kExitFailure, "open files: at most " + std::to_string(limit.rlim_max) + " may be open at a time, and every command needs " + least +
                         "; raise the limit: ulimit -n " + least + " (beyond the hard limit only root can)");
}

// Node reads the file named there before anything else, which takes it up to 80 ms: three times as long as the rest of
// its start. Nothing of ours speaks TLS.
void dropCertificates() { ::unsetenv("NODE_EXTRA_CA_CERTS"); }

[[noreturn]] void becomeNode(const std::string& program, int argc, char** argv) {
  raiseDescriptorLimit();
  dropCertificates();
  std::vector<char*> arguments;
  std::string node = ::access(UNIONFS_NODE, X_OK) == 0 ? UNIONFS_NODE : "node";
  std::string copy = program;
  arguments.push_back(argv[0]);  // the program knows by it what it was called as
  arguments.push_back(copy.data());
  for (int i = 1; i < argc; ++i) arguments.push_back(argv[i]);
  arguments.push_back(nullptr);
  ::execvp(node.c_str(), arguments.data());
  const int error = errno;
  if (const char* fd = std::getenv(kVariable); fd != nullptr) {
    const std::string text = "127\nunionfs: cannot run node: " + std::string(std::strerror(error)) + "\n";
    ::_exit(::write(kDaemonEnd, text.data(), text.size()) < 0 ? kExitFailure : kExitNoProgram);
  }
  fail(kExitNoProgram, std::string("cannot run node: ") + std::strerror(error));
}

// close_range(2) came with Linux 5.9; without it, each open one is looked up.
void closeFrom(int first) {
  if (::syscall(SYS_close_range, first, ~0U, 0) == 0) return;
  DIR* const listing = ::opendir("/proc/self/fd");
  if (listing == nullptr) return;
  std::vector<int> open;
  for (const dirent* entry = ::readdir(listing); entry != nullptr; entry = ::readdir(listing)) {
    const int fd = std::atoi(entry->d_name);
    if (fd >= first && fd != ::dirfd(listing)) open.push_back(fd);
  }
  ::closedir(listing);
  for (const int fd : open) ::close(fd);
}

// The mount can be used: the starter may go.
void tellUsable(const std::string& said) {
  const std::string done = "0\n" + said;
  if (::write(kDaemonEnd, done.data(), done.size()) < 0) return;  // the starter was killed; the mount is there all the same
  ::close(kDaemonEnd);
}

// Comes back when node has to do it.
void serveWithoutNode(int argc, char** argv) {
  const bool standIn = calledAs(argv) == unionfs::daemon::kStandIn;
  if (argc < 2 || isMountHelper(argv) || (!standIn && std::string_view(argv[1]) != "-o")) return;
  raiseDescriptorLimit();
  const std::span<char* const> words(argv + 1, static_cast<size_t>(argc - 1));
  // What these stand for is an error of a call, which is dealt with there. Node does the same.
  for (const int number : {SIGPIPE, SIGXFSZ}) ::signal(number, SIG_IGN);
  using unionfs::daemon::Served;
  if (unionfs::daemon::tryToServe(standIn, words, UNIONFS_VERSION, &tellUsable) == Served::toItsEnd) std::exit(0);
}

[[noreturn]] void becomeDaemon(int reportEnd, int null, const std::string& program, int argc, char** argv) {
  ::setsid();
  // The report's end may be any number, kDaemonEnd included, and stdio may have been closed by the caller.
  const int report = ::fcntl(reportEnd, F_DUPFD, kDaemonEnd + 1);
  const int sink = ::fcntl(null, F_DUPFD, kDaemonEnd + 1);
  for (int fd = 0; fd < kDaemonEnd; ++fd) ::dup2(sink, fd);
  ::dup2(report, kDaemonEnd);
  closeFrom(kDaemonEnd + 1);
  serveWithoutNode(argc, argv);
  ::setenv(kVariable, std::to_string(kDaemonEnd).c_str(), 1);
  becomeNode(program, argc, argv);
}

// Ctrl-C at the starter stops the start; the daemon then unmounts and says so itself.
void forwardSignal(int /*number*/) {
  if (daemonPid > 0) ::kill(daemonPid, SIGTERM);
}

std::string describeDeath(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  std::string text = "the daemon ended before the mount was usable";
  if (WIFSIGNALED(status))
    text += std::string(", killed by signal ") + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
  if (WIFEXITED(status)) text += ", with exit code " + std::to_string(WEXITSTATUS(status));
  return text + "; the same command with -f shows what it says";
}

int startDaemon(const std::string& program, int argc, char** argv) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) fail(kExitFailure, std::string("cannot open /dev/null: ") + std::strerror(errno));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail(kExitFailure, std::string("cannot make a pipe: ") + std::strerror(errno));
  const pid_t pid = ::fork();
  if (pid < 0) fail(kExitFailure, std::string("cannot start the daemon: ") + std::strerror(errno));
  if (pid == 0) becomeDaemon(ends[1], null, program, argc, argv);
  daemonPid = pid;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::signal(number, &forwardSignal);
  ::close(ends[1]);
  const unionfs::launch::Outcome outcome = unionfs::launch::parseOutcome(unionfs::launch::readToEnd(ends[0]));
  if (!outcome.reported) fail(kExitFailure, describeDeath(pid));
  std::fputs(outcome.text.c_str(), stderr);
  return outcome.exitCode;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 1) fail(kExitFailure, "started without a name");
  requireText(argc, argv);
  requireDescriptors();
  const std::string program = findProgram();
  // Set only by the starter for its own child; one inherited from elsewhere would send our words into a stranger's pipe.
  ::unsetenv(kVariable);
  if (isBackgroundMount(argc, argv)) return startDaemon(program, argc, argv);
  becomeNode(program, argc, argv);
}

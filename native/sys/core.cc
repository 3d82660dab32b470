// core.cc - sched_setaffinity(2) for a moment, sched_setscheduler(2), and single fields of /proc.
#include "sys/core.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "sys/creds.h"
#include "sys/fd.h"
#include "sys/proc_fields.h"

namespace unionfs::sys {
namespace {

constexpr int kCoreField = 39;

// The beginning of a file of /proc, which is read in one piece.
template <size_t kSize>
std::optional<std::string_view> readShort(const char* path, std::array<char, kSize>& text) {
  const Fd fd(::open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return std::nullopt;
  const ssize_t size = ::read(fd.get(), text.data(), text.size());
  return size <= 0 ? std::nullopt : std::optional(std::string_view(text.data(), static_cast<size_t>(size)));
}

std::optional<unsigned> numberAt(std::string_view text) {
  unsigned number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc{} ? std::optional(number) : std::nullopt;
}

// Of the first thread, which nobody moves.
std::optional<cpu_set_t> coresOfProcess() {
  cpu_set_t allowed;
  if (::sched_getaffinity(::getpid(), sizeof(allowed), &allowed) != 0) return std::nullopt;
  return allowed;
}

}  // namespace

unsigned currentCore() {
  const int core = ::sched_getcpu();
  return core < 0 ? 0 : static_cast<unsigned>(core);
}

std::optional<unsigned> coreOf(pid_t tid) {
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/stat", tid);
  std::array<char, 1024> text{};
  const auto stat = readShort(path.data(), text);
  return stat ? numberAt(statField(*stat, kCoreField)) : std::nullopt;
}

bool moveToCore(unsigned core, Roaming then) {
  const auto allowed = coresOfProcess();
  if (!allowed || core >= CPU_SETSIZE || !CPU_ISSET(core, &*allowed) || CPU_COUNT(&*allowed) < 2) return false;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  if (::sched_setaffinity(0, sizeof(one), &one) != 0) return false;
  // Narrowing moved the thread; widening does not move it back.
  return then == Roaming::stayed || roam(currentThread()).ok();
}

Status roam(pid_t tid) {
  const auto allowed = coresOfProcess();
  if (!allowed || ::sched_setaffinity(tid, sizeof(*allowed), &*allowed) != 0) return Errno::last();
  return success();
}

unsigned usableCores() {
  const auto allowed = coresOfProcess();
  return allowed ? static_cast<unsigned>(CPU_COUNT(&*allowed)) : 1;
}

std::optional<unsigned> runnableThreads() {
  std::array<char, 128> text{};
  const auto load = readShort("/proc/loadavg", text);
  constexpr size_t kFieldsBefore = 3;
  return load ? numberAt(wordBehind(*load, kFieldsBefore)) : std::nullopt;
}

pid_t currentThread() { return static_cast<pid_t>(::syscall(SYS_gettid)); }

Status giveWay(pid_t tid, bool always) {
  const sched_param none{};
  if (::sched_setscheduler(tid, always ? SCHED_IDLE : SCHED_OTHER, &none) != 0) return Errno::last();
  return success();
}

bool givesWay() { return ::sched_getscheduler(0) == SCHED_IDLE; }

bool mayCompeteAgain() { return inInitialUserNamespace() && hasCapability(CAP_SYS_NICE); }

}  // namespace unionfs::sys

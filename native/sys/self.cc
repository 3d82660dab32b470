#include "sys/self.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <limits>
#include <sstream>
#include <string_view>

#include "sys/proc_fields.h"
#include "sys/text_file.h"

namespace unionfs::sys {
namespace {

constexpr int kStartTimeField = 22;

}  // namespace

pid_t ownPid() { return ::getpid(); }

Result<std::string> ownStartTime() {
  TRY_ASSIGN(const std::string stat, readText("/proc/self/stat"));
  const std::string_view field = statField(stat, kStartTimeField);
  if (field.empty()) return Errno(EINVAL);
  return std::string(field);
}

Result<std::string> ownNamespace(const char* kind) {
  std::array<char, PATH_MAX> text{};
  const ssize_t length = ::readlink((std::string("/proc/self/ns/") + kind).c_str(), text.data(), text.size());
  if (length < 0) return Errno::last();
  return std::string(text.data(), static_cast<size_t>(length));
}

uid_t outerUid() {
  const uid_t own = ::geteuid();
  const auto map = readText("/proc/self/uid_map");
  if (!map) return own;
  std::istringstream lines(*map);
  uint64_t inside = 0, outside = 0, count = 0;
  while (lines >> inside >> outside >> count) {
    if (own >= inside && own < inside + count) return static_cast<uid_t>(outside + (own - inside));
  }
  return own;
}

uint64_t openFilesLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return limit.rlim_cur == RLIM_INFINITY ? std::numeric_limits<uint64_t>::max() : limit.rlim_cur;
}

MemoryUse ownMemory() {
  MemoryUse use;
  if (const auto text = readText("/proc/self/statm")) {
    uint64_t size = 0, resident = 0;
    if (std::istringstream(*text) >> size >> resident) use.residentBytes = resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  const auto rollup = readText("/proc/self/smaps_rollup");
  const size_t at = rollup ? rollup->find("\nPss:") : std::string::npos;
  uint64_t kib = 0;
  if (at != std::string::npos && std::istringstream(rollup->substr(at + 5)) >> kib) use.ownShareBytes = kib * 1024;
  return use;
}

}  // namespace unionfs::sys

// core.cc - sched_setaffinity(2) for a moment, and one field of /proc/TID/stat.
#include "sys/core.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "sys/fd.h"

namespace unionfs::sys {
namespace {

constexpr int kCoreField = 39;
// The name is field 2, in parentheses that may occur in it too.
constexpr int kFieldAfterName = 3;

std::optional<unsigned> coreField(std::string_view stat) {
  const size_t nameEnd = stat.rfind(')');
  if (nameEnd == std::string_view::npos) return std::nullopt;
  std::string_view rest = stat.substr(nameEnd + 1);
  for (int field = kFieldAfterName; field <= kCoreField; ++field) {
    const size_t space = rest.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(space + 1);
  }
  unsigned core = 0;
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), core);
  return parsed.ec == std::errc{} ? std::optional(core) : std::nullopt;
}

}  // namespace

unsigned currentCore() {
  const int core = ::sched_getcpu();
  return core < 0 ? 0 : static_cast<unsigned>(core);
}

std::optional<unsigned> coreOf(pid_t tid) {
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/stat", tid);
  const Fd fd(::open(path.data(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return std::nullopt;
  std::array<char, 1024> text{};
  const ssize_t size = ::read(fd.get(), text.data(), text.size());
  return size <= 0 ? std::nullopt : coreField({text.data(), static_cast<size_t>(size)});
}

bool moveToCore(unsigned core) {
  cpu_set_t allowed;
  if (core >= CPU_SETSIZE || ::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return false;
  if (!CPU_ISSET(core, &allowed) || CPU_COUNT(&allowed) < 2) return false;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  if (::sched_setaffinity(0, sizeof(one), &one) != 0) return false;
  // Narrowing moved the thread; widening does not move it back, and it cannot fail for a set that was in force.
  return ::sched_setaffinity(0, sizeof(allowed), &allowed) == 0;
}

}  // namespace unionfs::sys

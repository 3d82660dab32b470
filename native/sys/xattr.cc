#include "sys/xattr.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "sys/fault.h"
#include "sys/open.h"

#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#define SYS_getxattrat 464
#define SYS_listxattrat 465
#define SYS_removexattrat 466
#endif

namespace unionfs::sys {

namespace {

// struct xattr_args of linux/xattr.h (6.13); glibc has no wrapper for the *xattrat calls.
struct XattrArgs {
  uint64_t value;
  uint32_t size;
  uint32_t flags;
};

std::atomic<bool> haveXattrAt{true};

// Of an open file `fdCall`, of a name the *xattrat call. Where those are refused, the path form through /proc: of an O_PATH
// descriptor, and of names before Linux 6.13.
template <typename FdCall, typename AtCall, typename PathCall>
ssize_t callAt(At at, FdCall&& fdCall, AtCall&& atCall, PathCall&& pathCall) {
  if (at.isSelf()) {
    const ssize_t rc = fdCall();
    if (rc >= 0 || errno != EBADF) return rc;
  } else if (haveXattrAt.load(std::memory_order_relaxed)) {
    const ssize_t rc = atCall();
    if (rc >= 0 || errno != ENOSYS) return rc;
    haveXattrAt.store(false, std::memory_order_relaxed);
  }
  return pathCall(procPath(at).c_str(), at.isSelf());
}

ssize_t getInto(At at, const char* name, char* into, size_t size) {
  return callAt(
      at, [&] { return ::fgetxattr(at.dir, name, into, size); },
      [&] {
        XattrArgs args{reinterpret_cast<uint64_t>(into), static_cast<uint32_t>(size), 0};
        return ::syscall(SYS_getxattrat, at.dir, at.name, AT_SYMLINK_NOFOLLOW, name, &args, sizeof args);
      },
      [&](const char* path, bool self) { return self ? ::getxattr(path, name, into, size) : ::lgetxattr(path, name, into, size); });
}

ssize_t listInto(At at, char* into, size_t size) {
  return callAt(
      at, [&] { return ::flistxattr(at.dir, into, size); },
      [&] { return ::syscall(SYS_listxattrat, at.dir, at.name, AT_SYMLINK_NOFOLLOW, into, size); },
      [&](const char* path, bool self) { return self ? ::listxattr(path, into, size) : ::llistxattr(path, into, size); });
}

// Calls `fill(buffer, size)` with a small stack buffer first, then as large as asked until the answer fits.
template <typename Fill>
Result<std::string> fetch(Fill&& fill) {
  std::array<char, 256> small{};
  const ssize_t first = fill(small.data(), small.size());
  if (first >= 0) return std::string(small.data(), static_cast<size_t>(first));
  if (errno != ERANGE) return Errno::last();
  std::string value(64 << 10, '\0');
  const ssize_t size = fill(value.data(), value.size());
  if (size < 0) return Errno::last();
  value.resize(static_cast<size_t>(size));
  return value;
}

}  // namespace

Result<std::string> getXattr(At at, const char* name) {
  READ_FAULT_POINT("getxattr");
  return fetch([&](char* into, size_t size) { return getInto(at, name, into, size); });
}

Result<std::string> listXattr(At at) {
  READ_FAULT_POINT("listxattr");
  auto names = fetch([&](char* into, size_t size) { return listInto(at, into, size); });
  if (!names.ok() && meansUnsupported(names.error())) return std::string();
  return names;
}

std::vector<std::string_view> namesIn(const std::string& list) {
  std::vector<std::string_view> names;
  for (size_t begin = 0; begin < list.size(); begin += names.back().size() + 1) names.emplace_back(list.c_str() + begin);
  return names;
}

Status setXattr(At at, const char* name, std::string_view value, int flags) {
  FAULT_POINT("setxattr");
  const ssize_t rc = callAt(
      at, [&]() -> ssize_t { return ::fsetxattr(at.dir, name, value.data(), value.size(), flags); },
      [&]() -> ssize_t {
        XattrArgs args{reinterpret_cast<uint64_t>(value.data()), static_cast<uint32_t>(value.size()), static_cast<uint32_t>(flags)};
        return ::syscall(SYS_setxattrat, at.dir, at.name, AT_SYMLINK_NOFOLLOW, name, &args, sizeof args);
      },
      [&](const char* path, bool self) -> ssize_t {
        return self ? ::setxattr(path, name, value.data(), value.size(), flags)
                    : ::lsetxattr(path, name, value.data(), value.size(), flags);
      });
  if (rc < 0) return Errno::last();
  return success();
}

Status removeXattr(At at, const char* name) {
  FAULT_POINT("removexattr");
  const ssize_t rc = callAt(
      at, [&]() -> ssize_t { return ::fremovexattr(at.dir, name); },
      [&]() -> ssize_t { return ::syscall(SYS_removexattrat, at.dir, at.name, AT_SYMLINK_NOFOLLOW, name); },
      [&](const char* path, bool self) -> ssize_t { return self ? ::removexattr(path, name) : ::lremovexattr(path, name); });
  if (rc < 0) return Errno::last();
  return success();
}

}  // namespace unionfs::sys

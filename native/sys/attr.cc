#include "sys/attr.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/fault.h"
#include "sys/open.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

namespace unionfs::sys {

namespace {

// For kernels without fchmodat2 (before 6.6): chmod through the descriptor's /proc link cannot meet a symlink.
Status chmodThroughProc(At at, mode_t mode) {
  TRY_ASSIGN(const Fd self, open(at, O_PATH));
  if (::chmod(procPath({self.get(), ""}).c_str(), mode) < 0) return Errno::last();
  return success();
}

timespec systemTime(const std::optional<TimeSpecOrNow>& t) {
  if (!t) return {0, UTIME_OMIT};
  if (t->now) return {0, UTIME_NOW};
  return {static_cast<time_t>(t->at.sec), static_cast<long>(t->at.nsec)};
}

}  // namespace

Status chmod(At at, mode_t mode) {
  FAULT_POINT("chmod");
  const int flags = AT_SYMLINK_NOFOLLOW | (at.isSelf() ? AT_EMPTY_PATH : 0);
  if (::syscall(SYS_fchmodat2, at.dir, at.name, mode, flags) == 0) return success();
  const Errno error = Errno::last();
  return error == ENOSYS ? chmodThroughProc(at, mode) : Status(error);
}

Status chown(At at, std::optional<uid_t> uid, std::optional<gid_t> gid) {
  FAULT_POINT("chown");
  constexpr auto kKeep = static_cast<uid_t>(-1);
  const int flags = AT_SYMLINK_NOFOLLOW | (at.isSelf() ? AT_EMPTY_PATH : 0);
  if (::fchownat(at.dir, at.name, uid.value_or(kKeep), gid.value_or(kKeep), flags) < 0) return Errno::last();
  return success();
}

Status utimens(At at, std::optional<TimeSpecOrNow> atime, std::optional<TimeSpecOrNow> mtime) {
  FAULT_POINT("utimensat");
  const timespec times[2] = {systemTime(atime), systemTime(mtime)};
  const int flags = AT_SYMLINK_NOFOLLOW | (at.isSelf() ? AT_EMPTY_PATH : 0);
  if (::utimensat(at.dir, at.name, times, flags) == 0) return success();
  const Errno error = Errno::last();
  if (!at.isSelf() || !(error == EINVAL)) return error;
  // AT_EMPTY_PATH is known to utimensat since Linux 5.8 only.
  if (::utimensat(AT_FDCWD, procPath(at).c_str(), times, 0) < 0) return Errno::last();
  return success();
}

Status truncate(int fd, uint64_t size) {
  FAULT_POINT("ftruncate");
  int rc;
  do rc = ::ftruncate(fd, static_cast<off_t>(size));
  while (rc < 0 && errno == EINTR);
  if (rc < 0) return Errno::last();
  return success();
}

}  // namespace unionfs::sys

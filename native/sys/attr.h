// attr.h - changing mode, owner, times and size of a file in a layer. Symlinks are changed themselves, never followed.
#pragma once

#include <sys/types.h>

#include <optional>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/stat.h"

namespace unionfs::sys {

// EOPNOTSUPP for a symlink where the filesystem has no mode for it.
Status chmod(At at, mode_t mode);
// Leaves out what is not given.
Status chown(At at, std::optional<uid_t> uid, std::optional<gid_t> gid);

// One time of utimensat(2): absent = UTIME_OMIT, `now` = UTIME_NOW.
struct TimeSpecOrNow {
  bool now = false;
  Timespec at;
};
Status utimens(At at, std::optional<TimeSpecOrNow> atime, std::optional<TimeSpecOrNow> mtime);

Status truncate(int fd, uint64_t size);

}  // namespace unionfs::sys

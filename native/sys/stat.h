// stat.h - what the kernel says of a file in a layer: statx(2), statfs(2), file attributes.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "sys/fd.h"

namespace unionfs::sys {

struct Timespec {
  int64_t sec = 0;
  uint32_t nsec = 0;
};

// Fields of statx(2) in host types. `blocks` are of 512 bytes.
struct Stat {
  dev_t dev = 0;
  uint64_t ino = 0;
  uint64_t size = 0;
  uint64_t blocks = 0;
  uint64_t mountId = 0;
  dev_t rdev = 0;
  mode_t mode = 0;
  uint32_t nlink = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  uint32_t blksize = 4096;
  uint64_t attributes = 0, attributesMask = 0;
  Timespec atime, mtime, ctime;
  std::optional<Timespec> btime;

  [[nodiscard]] bool isDir() const { return S_ISDIR(mode); }
  [[nodiscard]] bool isRegular() const { return S_ISREG(mode); }
};

// Never follows a symlink.
Result<Stat> stat(At at);

struct FsStat {
  uint64_t type = 0;
  uint64_t blocks = 0, bfree = 0, bavail = 0, files = 0, ffree = 0;
  uint32_t bsize = 4096, frsize = 4096, namelen = 255;
};
Result<FsStat> statFs(int fd);

// Whether the name is there, which costs less than a stat. Never follows a symlink.
Result<bool> exists(At at);

// FS_IOC_GETFLAGS / FS_IOC_SETFLAGS on an open file.
Result<uint32_t> getFlags(int fd);
Status setFlags(int fd, uint32_t flags);

}  // namespace unionfs::sys

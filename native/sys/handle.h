// handle.h - file handles (name_to_handle_at), which name a lower inode across mounts, and filesystem ids.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "sys/fd.h"

namespace unionfs::sys {

// A filesystem's own name for an inode: `type` and opaque bytes.
struct FileHandle {
  int type = 0;
  std::string bytes;
  friend bool operator==(const FileHandle&, const FileHandle&) = default;
};

// EOPNOTSUPP where the filesystem has none.
Result<FileHandle> fileHandle(At at);
// Needs CAP_DAC_READ_SEARCH in the initial user namespace; an O_PATH descriptor. ESTALE when the file is gone.
Result<Fd> openByHandle(int mountFd, const FileHandle& handle);

// 16 bytes of the filesystem's uuid; zeros where it has none (FS_IOC_GETFSUUID).
std::string filesystemUuid(int fd);

}  // namespace unionfs::sys

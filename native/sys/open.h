// open.h - opening files inside a layer: never through a symlink, never out of the directory given.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"
#include "sys/fd.h"

namespace unionfs::sys {

// openat(2) of one component with O_NOFOLLOW | O_CLOEXEC added. With at.isSelf() the file is reopened through
// /proc, so that an O_PATH descriptor or a file without a name gets a new access mode.
Result<Fd> open(At at, int flags, mode_t mode = 0);

// openat2(2) of a relative path that must stay below `root` and holds no symlink (RESOLVE_BENEATH,
// RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS). ELOOP for a symlink, EXDEV for an escape.
Result<Fd> openBeneath(int root, const char* path, int flags);

// openBeneath of a directory whose path may be longer than one call takes (PATH_MAX): in steps. The directories on the way
// need to be searchable only.
Result<Fd> openDirectoryBeneath(int root, std::string_view path, int flags);

// Opens an absolute path as a person gave it, symlinks followed: for layer roots at mount time.
Result<Fd> openPath(const std::string& path, int flags);

// An O_TMPFILE in `dir`. EOPNOTSUPP where the filesystem has none.
Result<Fd> openTemporary(int dir, int flags, mode_t mode);

// Creates a regular file that must not exist yet.
Result<Fd> createExclusive(At at, int flags, mode_t mode);

// A regular file for reading, or reading and writing, even when its mode bits stand against its owner: the kernel
// checked the caller already. Only an owner without CAP_DAC_OVERRIDE needs the detour over chmod.
// That is done where `mayChangeMode` allows it: in the upper.
// A file with the append-only flag is opened with O_APPEND (isAppendOnly tells).
Result<Fd> openData(At at, bool writable, bool mayChangeMode = false);
// True for a descriptor that can only append.
bool isAppendOnly(int fd);

// A new descriptor for the same open file.
Result<Fd> duplicate(int fd);

// Takes an exclusive flock without waiting. EWOULDBLOCK when another holds it.
Status lockExclusive(int fd);

// "/proc/self/fd/N" or "/proc/self/fd/N/name".
std::string procPath(At at);

}  // namespace unionfs::sys

// tree.h - the system calls that add, remove and move names. Each is one atomic step of the layer's filesystem.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "sys/fd.h"

namespace unionfs::sys {

Status mkdir(At at, mode_t mode);
Status mknod(At at, mode_t mode, dev_t rdev);
Status symlink(const std::string& target, At at);
// With from.isSelf() the open file itself gets the name (O_TMPFILE, or a file whose names are gone).
Status link(At from, At to);
Status unlink(At at);
Status rmdir(At at);
// flags of renameat2(2): RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT.
Status rename(At from, At to, unsigned flags = 0);
// The target of a symlink, at most PATH_MAX bytes.
Result<std::string> readlink(At at);

// Removes `at` and everything below it, without following symlinks or crossing into other mounts' trees by name.
Status removeAll(At at);

}  // namespace unionfs::sys

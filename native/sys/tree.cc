#include "sys/tree.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "sys/dir.h"
#include "sys/fault.h"
#include "sys/open.h"

namespace unionfs::sys {

namespace {
Status statusOf(int rc) {
  if (rc < 0) return Errno::last();
  return success();
}
}  // namespace

Status mkdir(At at, mode_t mode) {
  FAULT_POINT("mkdirat");
  return statusOf(::mkdirat(at.dir, at.name, mode));
}

Status mknod(At at, mode_t mode, dev_t rdev) {
  FAULT_POINT("mknodat");
  return statusOf(::mknodat(at.dir, at.name, mode, rdev));
}

Status symlink(const std::string& target, At at) {
  FAULT_POINT("symlinkat");
  return statusOf(::symlinkat(target.c_str(), at.dir, at.name));
}

Status link(At from, At to) {
  FAULT_POINT("linkat");
  if (!from.isSelf()) return statusOf(::linkat(from.dir, from.name, to.dir, to.name, 0));
  return statusOf(::linkat(AT_FDCWD, procPath(from).c_str(), to.dir, to.name, AT_SYMLINK_FOLLOW));
}

Status unlink(At at) {
  FAULT_POINT("unlinkat");
  return statusOf(::unlinkat(at.dir, at.name, 0));
}

Status rmdir(At at) {
  FAULT_POINT("unlinkat AT_REMOVEDIR");
  return statusOf(::unlinkat(at.dir, at.name, AT_REMOVEDIR));
}

Status rename(At from, At to, unsigned flags) {
  FAULT_POINT("renameat2");
  return statusOf(::renameat2(from.dir, from.name, to.dir, to.name, flags));
}

Result<std::string> readlink(At at) {
  READ_FAULT_POINT("readlinkat");
  std::string target(PATH_MAX, '\0');
  const ssize_t size = ::readlinkat(at.dir, at.name, target.data(), target.size());
  if (size < 0) return Errno::last();
  target.resize(static_cast<size_t>(size));
  return target;
}

Status removeAll(At at) {
  if (unlink(at).ok()) return success();
  auto dir = open(at, O_RDONLY | O_DIRECTORY);
  if (!dir.ok()) return meansAbsent(dir.error()) ? success() : Status(dir.error());
  std::vector<std::string> names;
  TRY(readDir(dir->get(), [&](const RawEntry& entry) { names.emplace_back(entry.name); }));
  for (const auto& name : names) TRY(removeAll({dir->get(), name.c_str()}));
  return rmdir(at);
}

}  // namespace unionfs::sys

#include "sys/clone.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace unionfs::sys {

namespace {

Status setAttributes(const Fd& mount, mount_attr attributes) {
  if (::syscall(SYS_mount_setattr, mount.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) return Errno::last();
  return success();
}

}  // namespace

Result<Fd> privateReadOnlyClone(int dir) {
  const long raw = ::syscall(SYS_open_tree, dir, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (raw < 0) return Errno::last();
  Fd clone(static_cast<int>(raw));
  const mount_attr quiet{
      .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME, .attr_clr = MOUNT_ATTR__ATIME, .propagation = 0, .userns_fd = 0};
  const Status set = setAttributes(clone, quiet);
  if (set.ok()) return clone;
  if (!set.failsWith(EPERM)) return set.error();
  // A mount that a user namespace has from outside keeps its way with access times; all else can be had.
  TRY(setAttributes(clone, {.attr_set = MOUNT_ATTR_RDONLY, .attr_clr = 0, .propagation = 0, .userns_fd = 0}));
  return clone;
}

}  // namespace unionfs::sys

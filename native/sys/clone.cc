#include "sys/clone.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace unionfs::sys {

Result<Fd> privateReadOnlyClone(int dir) {
  const long raw = ::syscall(SYS_open_tree, dir, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (raw < 0) return Errno::last();
  Fd clone(static_cast<int>(raw));
  mount_attr attr{};
  attr.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME;
  attr.attr_clr = MOUNT_ATTR__ATIME;
  if (::syscall(SYS_mount_setattr, clone.get(), "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) return Errno::last();
  return clone;
}

}  // namespace unionfs::sys

// clone.h - a private, read-only copy of the mount a lower layer lives on.
#pragma once

#include "base/result.h"
#include "sys/fd.h"

namespace unionfs::sys {

// open_tree(2) + mount_setattr(2): the directory `dir` as root of a detached mount that is read-only and holds no
// submounts, so nothing done through it can change the layer, and a later mount over the layer (our own included) is
// not met. It does not touch access times either, except in a user namespace, which may not change how the mounts it
// was born with treat them. EPERM without CAP_SYS_ADMIN over the mount namespace.
Result<Fd> privateReadOnlyClone(int dir);

}  // namespace unionfs::sys

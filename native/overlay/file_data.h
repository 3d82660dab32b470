// file_data.h - descriptors of regular files' data, by node: there is no open(2) on the wire in cached mode.
#pragma once

#include "overlay/state.h"

namespace unionfs {

// The data of the inode's top real file, from the cache or opened. A writable one also serves reading.
// Precondition: no lock held; for writing the inode is in the upper. EINVAL for what is no regular file.
Result<CachedFd> openDataFd(OverlayState& state, const InodeRef& inode, bool writable);
Result<FdRef> dataFd(OverlayState& state, const InodeRef& inode, bool writable);

// A file of the upper that was just made, open for both, stays so for what comes next. Where the upper keeps owners in xattrs
// it has no capability, which opening it for writing would take away. Without memory for it, it is opened when it is needed.
void keepOpen(OverlayState& state, NodeId node, Fd file) noexcept;

// Takes setuid, setgid (where the group may execute) and file capabilities away, as a write by one without CAP_FSETID
// does. The kernel is told that the mode it knows may be no more. Linux: fs/inode.c:file_remove_privs().
Status killPrivileges(const OverlayState& state, Inode& inode, int fd);
// Precondition: the upper keeps owners in xattrs.
Status dropCapability(const Overrides& overrides, At at);

}  // namespace unionfs

// hardlink.h - keeps the names of one lower inode together when it is copied up.
//
// A copy-up publishes the copy under one name. The other names the engine knows are given to the upper as hard links
// of the copy soon after, when no lock is held, and names that are looked up later follow then: so within one mount
// all names stay one inode, and the upper shows on disk what the mount showed. Until then, and for names nobody
// looks up, Inode::nlinkDelta keeps the link count right.
#pragma once

#include "overlay/state.h"

namespace unionfs {

// Remembers that `inode` may have names the upper lacks.
void noteUnsettled(OverlayState& state, const InodeRef& inode);

// Gives those names to the upper. Call with no lock held; cheap when there is nothing to do. A failure is logged and
// leaves the view right for this mount; the last one is returned, for those who cannot go on without.
Status settleHardlinks(OverlayState& state);

// Makes the other known names of `inode` upper names now, before its one upper name goes.
// Precondition: no lock held.
Status settleNow(OverlayState& state, const InodeRef& inode);

// The inode holds state a new lookup could not find: it stays known until the mount ends.
void keep(OverlayState& state, const InodeRef& inode);

}  // namespace unionfs

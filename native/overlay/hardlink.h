// hardlink.h - keeps the names of one lower inode together when it is copied up.
//
// A copy-up publishes the copy under one name. The other names the engine knows are given to the upper as hard links
// of the copy soon after, when no lock is held, and names that are looked up later follow then: so within one mount
// all names stay one inode, and the upper shows on disk what the mount showed. Until then, and for names nobody
// looks up, Inode::nlinkDelta keeps the link count right.
#pragma once

#include "overlay/locate.h"

namespace unionfs {

// Remembers that `inode` may have names the upper lacks.
void noteUnsettled(OverlayState& state, const InodeRef& inode);

// Whether a hard link that could not be given its names a moment ago is tried again.
enum class Settling {
  whenDue,  // after a pause that doubles with each failure
  now,      // the verb cannot go on without
};

// Gives those names to the upper. Call with no lock held; cheap when there is nothing to do. A failure leaves the view
// right for this mount; the first of a series is logged. The last one is returned.
Status settleHardlinks(OverlayState& state, Settling urgency = Settling::whenDue);

// The inode goes, and what is known of its failures.
void forgetSettling(OverlayState& state, const Inode& inode) noexcept;

// Makes the other known names of `inode` upper names now, before its one upper name goes.
// Precondition: no lock held.
Status settleNow(OverlayState& state, const InodeRef& inode);

// Gives the upper this one name of `inode`, which was copied up under another. Does nothing when either went meanwhile.
// Precondition: no lock held.
Status giveUpperName(OverlayState& state, const InodeRef& inode, const InodeRef& parent, const CName& name);

// The inode holds state a new lookup could not find: it stays known until stopKeeping, or until the mount ends.
void keep(OverlayState& state, const InodeRef& inode);

// Lets a copied inode go again once the upper has every name that is left: a new lookup then finds all there is to know,
// but for the inode number, which stays remembered. Call after a change of its names or link count; leaf locks only.
void letGoIfWhole(OverlayState& state, const InodeRef& inode);
void stopKeeping(OverlayState& state, const Inode& inode);
// Keeps `successor` if `former` was kept.
void keepInstead(OverlayState& state, const Inode& former, const InodeRef& successor);

}  // namespace unionfs

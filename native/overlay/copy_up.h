// copy_up.h - gives the upper its own copy of what lives in a lower, before the first change of it.
//
// Staged whole in the work directory, published by one link or rename; a crash leaves the lower's file visible, or the
// complete copy. The lower is not touched, and the times of the upper's parent directory stay what they were.
// Linux: fs/overlayfs/copy_up.c.
#pragma once

#include "overlay/state.h"

namespace unionfs {

// Makes `dir` and all its ancestors directories of the upper.
// Precondition: renameMu held; no directory lock held. ENOENT when the directory was removed.
Status copyUpDir(OverlayState& state, Inode& dir);

struct CopyExtent {
  uint64_t bytes = UINT64_MAX;  // no more than this of the data: the rest is about to be cut off
};

// Makes `inode` (no directory) a file of the upper. Data is copied with no tree lock held.
// Precondition: no lock held. EINTR when the caller gave up while data was copied.
Status copyUpFile(OverlayState& state, const Caller& caller, const InodeRef& inode, CopyExtent extent = {});

// Either, by type.
Status copyUp(OverlayState& state, const Caller& caller, const InodeRef& inode);

// An inode of the upper that the kernel still serves from its lower file (passthrough) cannot take another backing: it
// goes on as the lower file for those who have it open, and its names get a new inode, its successor, with the same
// number. Does nothing the second time. Precondition: no lock held.
Status giveNewIdentity(OverlayState& state, const InodeRef& inode);

// Marks that `dir`, of the upper, holds copies.
Status markImpure(OverlayState& state, Inode& dir);

}  // namespace unionfs

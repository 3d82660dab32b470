// metadata.h - gives a staged copy what its original has besides data.
#pragma once

#include "overlay/state.h"
#include "sys/stat.h"

namespace unionfs {

// Owner, xattrs and ACLs, mode, capabilities, times of `from` to `to`, in the order in which none undoes another: chown
// clears setuid bits and capabilities, an ACL changes the mode, everything changes times.
// Linux: fs/overlayfs/copy_up.c:ovl_copy_up_metadata(), ovl_copy_xattr(). An xattr the upper's filesystem does not know
// is left behind as there, but an ACL or a security label is not: EOPNOTSUPP.
// `owners`, when given, turns the owners that `from` shows into those to store.
Status copyMetadata(At from, const sys::Stat& stat, At to, const Owners* owners = nullptr);

// What copyMetadata needs for a copy out of `layer`: owners only where the layer's mount has mapped them already.
const Owners* ownersToStore(const OverlayState& state, LayerIndex layer);

}  // namespace unionfs

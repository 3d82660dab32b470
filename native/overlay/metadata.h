// metadata.h - gives a staged copy what its original has besides data.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "overlay/state.h"
#include "sys/stat.h"

namespace unionfs {

// What a file has besides its data, read before anything is made: an error of a lower is then never taken for one of the
// upper.
struct Metadata {
  sys::Stat stat;
  std::vector<std::pair<std::string, std::string>> xattrs;  // those a user of the union can see, under the names he sees
};

// Of `from` in `layer`; `stat` is what that shows of it.
Result<Metadata> readMetadata(const Layer& layer, At from, const sys::Stat& stat);

// Gives `to` owner, xattrs and ACLs, mode, capabilities, times, in the order in which none undoes another: chown clears
// setuid bits and capabilities, an ACL changes the mode, everything changes times.
// Linux: fs/overlayfs/copy_up.c:ovl_copy_up_metadata(), ovl_copy_xattr(). An xattr the upper's filesystem does not know
// is left behind as there, but an ACL or a security label is not: EOPNOTSUPP.
// In an upper that keeps owners in xattrs (`overrides`), owner and mode go there.
Status writeMetadata(const Overrides& overrides, const Metadata& metadata, At to);

// The owners a copy out of `layer` must be stored under; null when they are as `layer` shows them.
const Owners* ownersToStore(const OverlayState& state, LayerIndex layer);
void storeOwners(Metadata& metadata, const Owners& owners);

}  // namespace unionfs

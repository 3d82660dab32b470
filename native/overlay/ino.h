// ino.h - the inode numbers the union shows: unique over layers on several filesystems, the same before and after a
// copy-up, in stat and in readdir.
//
// On one filesystem a number is the real one; on several, the filesystem's index fills the top byte (more of the
// top when there are more than 255), as kernel overlayfs does with xino. A copy keeps its lower's number, found again in a later mount by
// its origin mark; a merged directory has the number of its topmost lower.
#pragma once

#include "overlay/locate.h"
#include "overlay/lookup.h"

namespace unionfs {

uint64_t composeIno(const OverlayState& state, LayerIndex layer, uint64_t realIno);
// The same from the number of filesystems and which of them it is.
uint64_t composeIno(size_t filesystems, size_t filesystem, uint64_t realIno);

// The number of what `resolution` found as `name` in `dir`.
uint64_t inoOf(OverlayState& state, Inode& dir, const CName& name, const Resolution& resolution);

// The number readdir shows for an entry of the index, without a lookup where that is certain.
uint64_t inoOfEntry(OverlayState& state, Inode& dir, const IndexEntry& entry, Name name);

}  // namespace unionfs

// attr.h - from a layer's stat to what the union shows.
#pragma once

#include "overlay/inode.h"
#include "overlay/state.h"
#include "sys/stat.h"

namespace unionfs {

// `stat` is of the inode's top real file.
Attr attrOf(const OverlayState& state, Inode& inode, const sys::Stat& stat);

// Link count the union shows for a non-directory.
uint32_t unionNlink(Inode& inode, uint32_t realNlink);

}  // namespace unionfs

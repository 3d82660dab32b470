// prepare.h - merges directories that many sealed layers share before anybody asks for them.
//
// With all records at hand, merging a directory of hundreds of layers still takes as long as dozens of round trips, and
// the first lookup in it would wait for that. Nothing is touched but records, so this may run beside serving. An inode made
// here is kept until the kernel learns of it.
#pragma once

#include "overlay/lookup.h"

namespace unionfs {

struct PrepareLimits {
  size_t depth = 16;          // layers that have a directory, from which on merging it ahead pays
  size_t parts = 256 * 1024;  // layers' parts of directories that are merged in all, a microsecond or two each
};

// Breadth first from the root, as far down as directories stay that deep and all their lowers are sealed.
void prepareDeepDirectories(OverlayState& state, PrepareLimits limits = {});

// The kernel knows the inode now.
void letGoOfPrepared(OverlayState& state, const Inode& inode);

}  // namespace unionfs

// lookup.h - finds one name in the union, walking the layers of a directory from the top.
//
// A name is decided by the first layer that has an opinion: a whiteout hides it, a non-directory is the answer, a
// directory starts a merge that goes on down until an opaque directory or anything that is no directory. This file
// decides what exists; it copies nothing up. Linux: fs/overlayfs/namei.c:ovl_lookup().
#pragma once

#include <optional>
#include <vector>

#include "layer/workdir.h"
#include "overlay/locate.h"

namespace unionfs {

// The real files that make up a name that exists.
struct Resolution {
  LayerIndex top = 0;
  sys::Stat stat;                           // in `top`
  std::vector<LayerIndex> layers;           // of a directory: all that merge, top first
  std::vector<LayerIndex> xattrWhiteoutIn;  // of them, those with xattr whiteouts
  std::vector<LayerIndex> impureLowers;     // of them, lowers that hold copies
  bool impure = false;                      // the upper directory holds copies
  std::optional<sys::Stat> lowerStat;       // of a directory in the upper: in its topmost lower
  LayerIndex lowerTop = 0;
  std::vector<std::pair<LayerIndex, FdRef>> opened;              // directories opened on the way, a bounded number
  std::vector<std::pair<LayerIndex, const DirRecord*>> records;  // of the layers whose record is found
};

// What the union, and the upper in particular, say of a name.
struct NameView {
  std::optional<Resolution> found;
  UpperName upper = UpperName::absent;
};

// Precondition of all that take a directory: dir.dir->mu held, shared or exclusive; renameMu held.
Result<NameView> viewName(OverlayState& state, Inode& dir, const CName& name);
// The file, no directory, that an entry of the directory's index stands for, as its layer shows it. EPERM: its data lies in another
// layer. Any error of stat.
Result<sys::Stat> statOfEntry(OverlayState& state, Inode& dir, const IndexEntry& entry, const CName& name);
// Whether a lower would show `name` if the upper said nothing: then removing it takes a whiteout.
Result<bool> lowersShow(OverlayState& state, Inode& dir, const CName& name);
// The topmost lower's file of that name, for origins.
Result<std::optional<std::pair<LayerIndex, sys::Stat>>> lowerFileOf(OverlayState& state, Inode& dir, const CName& name);

// The inode of what was found, made when the engine does not know it yet, with `name` among its links.
Result<InodeRef> adopt(OverlayState& state, Inode& dir, const CName& name, Resolution&& resolution);

// The same with attributes and one lookup counted for the kernel. `stat` is of the resolution's top.
Result<Entry> entryFor(OverlayState& state, Inode& dir, const CName& name, Resolution&& resolution);

// The directory of that name, for who does not ask why there is none; null then.
InodeRef childDirectory(OverlayState& state, Inode& dir, const CName& name);

// The inode the engine knows for a resolution, if it does.
InodeRef knownInode(OverlayState& state, const Resolution& resolution);

RealKey keyOf(LayerIndex layer, const sys::Stat& stat);

}  // namespace unionfs

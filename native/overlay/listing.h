// listing.h - reading a merged directory into its index, when that pays, and keeping the indexes within bounds.
#pragma once

#include "overlay/locate.h"

namespace unionfs {

// Precondition: dir.dir->mu held exclusive; renameMu held. Does nothing when the index is there.
Status loadIndex(OverlayState& state, Inode& dir);

// DirState::readingCost of a directory that could not be read: it is not tried again for lookups.
inline constexpr uint32_t kUnreadable = UINT32_MAX;

// True when lookups without an index have cost, or would cost, more than reading the directory.
// Precondition: dir.dir->mu held, shared or exclusive.
bool indexPays(OverlayState& state, Inode& dir);

// Drops what is over the budget. Call with no lock held.
void enforceBudget(OverlayState& state, Inode& dir, size_t bytes);

// What changes of the upper mean for an index that is loaded; nothing otherwise. Precondition: mu held exclusive.
void indexPresent(Inode& dir, Name name, mode_t type, uint64_t realIno, bool lowerShows, std::span<const LayerIndex> layers = {});
void indexRemoved(Inode& dir, Name name, WhiteoutForm form, bool whiteout, bool lowerShows);

}  // namespace unionfs

// listing.h - reading a merged directory into its index, when that pays, and keeping the indexes within bounds.
#pragma once

#include <exception>

#include "overlay/locate.h"

namespace unionfs {

// Precondition: dir.dir->mu held exclusive; renameMu held. Does nothing when the index is there.
Status loadIndex(OverlayState& state, Inode& dir);

// The index of a directory that was just made, in the upper alone: no name is in it, and none need be asked for.
// It is forgotten when much is made there. Precondition: dir.dir->mu held exclusive.
void beginIndex(OverlayState& state, Inode& dir) noexcept;

// DirState::readingCost of a directory that could not be read: it is not tried again for lookups.
inline constexpr uint32_t kUnreadable = UINT32_MAX;

// True when lookups without an index have cost, or would cost, more than reading the directory.
// Precondition: dir.dir->mu held, shared or exclusive.
bool indexPays(OverlayState& state, Inode& dir);

// Drops indexes until the rest is within the budget; that of `inUse` stays. Call with no lock held.
void enforceBudget(OverlayState& state, const Inode& inUse);

// Forgets the index of a directory. Precondition: mu held exclusive.
void dropIndex(OverlayState& state, Inode& dir) noexcept;

// An exception that ends a verb may come between a change on disk and the index's knowing of it: the index is then
// forgotten. Held by every verb that changes a directory, within its lock.
class IndexGuard {
 public:
  IndexGuard(OverlayState& state, Inode& dir) : state_(state), dir_(dir), exceptions_(std::uncaught_exceptions()) {}
  ~IndexGuard() {
    if (std::uncaught_exceptions() > exceptions_) dropIndex(state_, dir_);
  }
  IndexGuard(const IndexGuard&) = delete;
  IndexGuard& operator=(const IndexGuard&) = delete;

 private:
  OverlayState& state_;
  Inode& dir_;
  int exceptions_;
};

// What changes of the upper mean for an index that is loaded; nothing otherwise. An index that finds no memory for
// them is forgotten. Precondition: mu held exclusive.
void indexPresent(OverlayState& state, Inode& dir, Name name, mode_t type, uint64_t realIno, bool lowerShows,
                  std::span<const LayerIndex> layers = {});
void indexRemoved(OverlayState& state, Inode& dir, Name name, WhiteoutForm form, bool whiteout, bool lowerShows);

}  // namespace unionfs

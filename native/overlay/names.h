// names.h - what every verb that adds or removes a name does besides the system call.
//
// A directory's lock in a precondition may be renameMu held exclusive as well (overlay.h).
#pragma once

#include "overlay/hardlink.h"
#include "overlay/lookup.h"

namespace unionfs {

// Internal errno: a hard link's other names must be given to the upper first (hardlink.h), then the verb tries again.
inline constexpr int kNeedsSettling = ERESTART;

// EINVAL for `.wh.` names, which mark deletions in some dialects.
Status checkNewName(Name name);

// The upper file `dir`/`name` of `inode` is about to go: keeps it reachable when it is the last name. kNeedsSettling
// when only names the upper lacks would be left; on the last try they go on through the descriptor that is kept.
// Precondition: dir's lock held exclusive; renameMu held.
Status pinBeforeLoss(OverlayState& state, const InodeRef& inode, Inode& dir, const CName& name, bool lastTry);

// The name is gone. `realNlink` is the link count the top real file had before.
void dropName(OverlayState& state, const InodeRef& inode, Inode& dir, const CName& name, uint32_t realNlink);

// `child`, empty, is about to be removed or replaced; afterwards nothing can be created in it.
// Precondition: its parent's and its own lock held exclusive.
Status pinRemovedDir(OverlayState& state, Inode& child);
void markRemoved(OverlayState& state, Inode& child);

// ENOTEMPTY when the union shows a name in it. Precondition: child's lock held exclusive; renameMu held.
Status checkEmpty(OverlayState& state, Inode& child);

// Runs `verb(lastTry)` again after settling hard links when it asks for that. When they cannot be settled: why.
template <typename Verb>
Status retrySettled(OverlayState& state, Verb&& verb) {
  constexpr int kTries = 3;
  for (int attempt = 1;; ++attempt) {
    const Status result = verb(attempt == kTries);
    const bool needsSettling = result.failsWith(kNeedsSettling);
    const Status settled = settleHardlinks(state, needsSettling ? Settling::now : Settling::whenDue);
    if (!needsSettling) return result;
    if (attempt == kTries) return settled.ok() ? Status(Errno(EBUSY)) : settled;
  }
}

}  // namespace unionfs

// names.h - what every verb that adds or removes a name does besides the system call.
#pragma once

#include "overlay/hardlink.h"
#include "overlay/lookup.h"

namespace unionfs {

// Internal errno: a hard link's other names must be given to the upper first (hardlink.h), then the verb tries again.
inline constexpr int kNeedsSettling = ERESTART;

// EINVAL for `.wh.` names, which mark deletions in some dialects.
Status checkNewName(Name name);

// The upper file `dir`/`name` of `inode` is about to go: keeps it reachable when it is the last name.
// Precondition: dir's lock held exclusive; renameMu held.
Status pinBeforeLoss(OverlayState& state, const InodeRef& inode, Inode& dir, const CName& name);

// The name is gone. `realNlink` is the link count the top real file had before.
void dropName(OverlayState& state, const InodeRef& inode, Inode& dir, const CName& name, uint32_t realNlink);

// `child`, empty, is about to be removed or replaced; afterwards nothing can be created in it.
// Precondition: its parent's and its own lock held exclusive.
Status pinRemovedDir(OverlayState& state, Inode& child);
void markRemoved(OverlayState& state, Inode& child);

// ENOTEMPTY when the union shows a name in it. Precondition: child's lock held exclusive; renameMu held.
Status checkEmpty(OverlayState& state, Inode& child);

// Runs `verb` again after settling hard links when it asks for that.
template <typename Verb>
Status retrySettled(OverlayState& state, Verb&& verb) {
  for (int attempt = 0;; ++attempt) {
    const Status result = verb();
    settleHardlinks(state);
    if (!result.failsWith(kNeedsSettling)) return result;
    if (attempt == 3) return Errno(EIO);
  }
}

}  // namespace unionfs

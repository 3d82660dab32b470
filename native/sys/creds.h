// creds.h - in whose name this thread creates files.
//
// Only creation depends on it: everything else is done with the daemon's own rights, because the kernel has checked
// the caller (default_permissions). A switch changes fsuid, fsgid and umask of the calling thread alone and keeps
// its capabilities, as kernel overlayfs does with its override credentials (fs/overlayfs/util.c:ovl_override_creds,
// dir.c:ovl_setup_cred_for_create). Values are remembered per thread, so that a run of calls by one user costs nothing.
#pragma once

#include <sys/types.h>

#include "base/result.h"

namespace unionfs::sys {

// EPERM when the daemon may not act as `uid`. A `gid` it may not take is left at the daemon's own.
Status actAs(uid_t uid, gid_t gid, mode_t umask);

// Back to the daemon's own ids, umask 0: for whiteouts, staging and copy-up.
void actAsSelf();
// The same with a umask: for what is created on behalf of a caller, but belongs to the daemon.
void actAsSelf(mode_t umask);

// The daemon's user.
uid_t ownUid();

// Takes `capability` (CAP_* number) from the calling thread, for good: actAs and actAsSelf do not bring it back.
Status giveUpCapability(int capability);
// True with `capability` (CAP_* number) in the effective set of the calling thread.
bool hasCapability(int capability);
// True when this process is in the initial user namespace.
bool inInitialUserNamespace();

}  // namespace unionfs::sys

// index_use.h - whether a path index has to do with a mount.
//
// It is TypeScript's (src/index), and a mount that is served without node has none. Of layers that are not sealed
// it saves little, so it is used where somebody named one, and where the usual one holds seals.
#pragma once

namespace unionfs::daemon {

bool indexHasToDoWithIt();

}  // namespace unionfs::daemon

#include "overlay/copy_up.h"
#include "overlay/listing.h"
#include "overlay/names.h"
#include "sys/creds.h"
#include "sys/tree.h"

namespace unionfs {

namespace {

struct Victim {
  InodeRef dir;
  CName name;
};

Result<Victim> victimOf(OverlayState& state, NodeId parent, Name name) {
  TRY(state.requireWritable());
  TRY_ASSIGN(InodeRef dir, state.findDir(parent));
  TRY_ASSIGN(const CName cname, CName::of(name));
  return Victim{std::move(dir), cname};
}

// Precondition of both: the directory's lock held exclusive, it is in the upper; renameMu held.
Status unlinkLocked(OverlayState& state, Inode& dir, const CName& name, bool lastTry) {
  TRY_ASSIGN(const NameView view, viewName(state, dir, name));
  if (!view.found) return Errno(ENOENT);
  if (view.found->stat.isDir()) return Errno(EISDIR);
  TRY_ASSIGN(const bool lower, lowersShow(state, dir, name));
  TRY_ASSIGN(const FdRef upper, dirFd(state, dir, kUpperLayer));
  const At target{upper->get(), name.c_str()};
  const InodeRef inode = knownInode(state, *view.found);
  if (inode && view.upper == UpperName::present) TRY(pinBeforeLoss(state, inode, dir, name, lastTry));
  if (view.upper != UpperName::present) {
    TRY(state.noteUpper(state.work().whiteoutAbsent(target), "removal"));
  } else if (lower) {
    TRY(state.noteUpper(state.work().whiteoutFile(target), "removal"));
  } else {
    TRY(state.noteUpper(sys::unlink(target), "removal"));
  }
  if (inode)
    dropName(state, inode, dir, name, view.found->stat.nlink);
  else
    state.table.forgetIno(keyOf(view.found->top, view.found->stat));
  indexRemoved(state, dir, name.view(), state.work().features().whiteout, lower, lower);
  return success();
}

Status rmdirLocked(OverlayState& state, Inode& dir, const CName& name) {
  TRY_ASSIGN(NameView view, viewName(state, dir, name));
  if (!view.found) return Errno(ENOENT);
  if (!view.found->stat.isDir()) return Errno(ENOTDIR);
  TRY_ASSIGN(const bool lower, lowersShow(state, dir, name));
  TRY_ASSIGN(const FdRef upper, dirFd(state, dir, kUpperLayer));
  const At target{upper->get(), name.c_str()};
  TRY_ASSIGN(const InodeRef child, adopt(state, dir, name, std::move(*view.found)));
  const std::unique_lock childLock(child->dir->mu);
  const IndexGuard childIndex(state, *child);
  TRY(checkEmpty(state, *child));
  TRY(pinRemovedDir(state, *child));
  if (view.upper != UpperName::present) {
    TRY(state.noteUpper(state.work().whiteoutAbsent(target), "removal"));
  } else if (lower) {
    TRY(state.noteUpper(state.work().whiteoutDir(target), "removal"));
  } else {
    TRY(state.noteUpper(state.work().removeDir(target), "removal"));
  }
  markRemoved(state, *child);
  indexRemoved(state, dir, name.view(), state.work().features().whiteout, lower, lower);
  return success();
}

}  // namespace

Status Overlay::unlink(const Caller& /*caller*/, NodeId parent, Name rawName) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const Victim victim, victimOf(state, parent, rawName));
  sys::actAsSelf();
  const auto once = [&](bool lastTry) -> Status {
    const TreeLock tree(state.renameMu);
    TRY(copyUpDir(state, *victim.dir));
    const std::unique_lock lock(victim.dir->dir->mu);
    const IndexGuard index(state, *victim.dir);
    return unlinkLocked(state, *victim.dir, victim.name, lastTry);
  };
  return retrySettled(state, [&](bool lastTry) { return state.retryWhenFull([&] { return once(lastTry); }); });
}

Status Overlay::rmdir(const Caller& /*caller*/, NodeId parent, Name rawName) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const Victim victim, victimOf(state, parent, rawName));
  sys::actAsSelf();
  return state.retryWhenFull([&]() -> Status {
    const TreeLock tree(state.renameMu);
    TRY(copyUpDir(state, *victim.dir));
    const std::unique_lock lock(victim.dir->dir->mu);
    const IndexGuard index(state, *victim.dir);
    return rmdirLocked(state, *victim.dir, victim.name);
  });
}

}  // namespace unionfs

#include "overlay/attr.h"

#include <sys/stat.h>

#include <algorithm>

#include "layer/marker.h"
#include "overlay/copy_up.h"
#include "overlay/file_data.h"
#include "overlay/hardlink.h"
#include "overlay/locate.h"
#include "overlay/recall.h"
#include "sys/attr.h"
#include "sys/creds.h"
#include "sys/open.h"
#include "sys/tree.h"

namespace unionfs {

namespace {

Time timeOf(const sys::Timespec& t) { return {t.sec, t.nsec}; }

std::optional<sys::TimeSpecOrNow> timeChange(const std::optional<TimeChange>& change) {
  if (!change) return std::nullopt;
  return sys::TimeSpecOrNow{change->now, {change->at.sec, change->at.nsec}};
}

}  // namespace

uint32_t unionNlink(Inode& inode, uint32_t realNlink) {
  if (const InodeRef successor = successorOf(inode)) return unionNlink(*successor, realNlink);
  const std::lock_guard lock(inode.mu);
  return static_cast<uint32_t>(std::max<int64_t>(0, static_cast<int64_t>(realNlink) + inode.nlinkDelta));
}

Attr attrOf(const OverlayState& state, Inode& inode, const sys::Stat& stat) {
  Attr attr;
  attr.ino = inode.ino;
  attr.size = stat.size;
  attr.blocks = stat.blocks;
  attr.blksize = stat.blksize;
  attr.mode = stat.mode;
  attr.uid = stat.uid;
  attr.gid = stat.gid;
  attr.rdev = stat.rdev;
  attr.atime = timeOf(stat.atime);
  attr.mtime = timeOf(stat.mtime);
  attr.ctime = timeOf(stat.ctime);
  if (stat.btime) attr.btime = timeOf(*stat.btime);
  attr.attributes = stat.attributes;
  attr.attributesMask = stat.attributesMask;
  if (!inode.isDir()) {
    attr.nlink = unionNlink(inode, stat.nlink);
  } else if (inode.dir->removed) {
    attr.nlink = 0;
  } else {
    // A merged directory does not count its children: that would take reading it. Linux: ovl_getattr().
    attr.nlink = inode.dir->merged || state.options.staticNlink ? 1 : stat.nlink;
  }
  attr.momentary = inode.hasTwin.load();
  const bool shownAlready = state.stack->layer(inode.layer.load(std::memory_order_acquire)).ownersAreMapped();
  if (!shownAlready) state.options.owners.show(attr);
  return attr;
}

Result<Attr> Overlay::getattr(NodeId node) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  const TreeLock tree(state.renameMu);
  if (const auto recalled = recallStat(state, *inode)) return attrOf(state, *inode, *recalled);
  TRY_ASSIGN(const sys::Stat stat, statInode(state, *inode));
  return attrOf(state, *inode, stat);
}

namespace {

Status changeSize(OverlayState& state, const Caller& caller, const InodeRef& inode, const AttrChange& change) {
  if (!inode->isRegular()) return inode->isDir() ? Errno(EISDIR) : Errno(EINVAL);
  if (state.kernelKeepsTimes && !change.mtime && !change.killPrivileges) {
    // Cutting to the present size would move the mtime here and not in the kernel, which says so when it moves.
    const TreeLock tree(state.renameMu);
    TRY_ASSIGN(const sys::Stat stat, statInode(state, *inode));
    if (stat.size == *change.size) return success();
  }
  TRY(copyUpFile(state, caller, inode, {*change.size}));
  if (inode->lowerBackings.load() > 0) TRY(giveNewIdentity(state, inode));
  TRY_ASSIGN(const FdRef fd, dataFd(state, inode, true));
  TRY(state.noteUpper(sys::truncate(fd->get(), *change.size), "truncate"));
  return change.killPrivileges ? killPrivileges(state, *inode, fd->get()) : success();
}

// An append-only file takes no time but the present one; what the kernel's cache sends behind an append is as good.
Status setTimes(const OverlayState& state, At at, const AttrChange& change) {
  const auto set = sys::utimens(at, timeChange(change.atime), timeChange(change.mtime));
  if (!set.failsWith(EPERM) || !state.kernelKeepsTimes || change.atime) return set;
  const auto stat = sys::stat(at);
  if (!stat.ok() || (stat->attributes & STATX_ATTR_APPEND) == 0) return set;
  return sys::utimens(at, sys::TimeSpecOrNow{true, {}}, sys::TimeSpecOrNow{true, {}});
}

// What chown(2) does besides. Linux: fs/open.c:chown_common(), fs/attr.c:setattr_should_drop_sgid().
void dropSetids(sys::Stat& shown) {
  if (shown.isDir()) return;
  shown.mode &= ~static_cast<mode_t>(S_ISUID);
  if ((shown.mode & S_IXGRP) != 0) shown.mode &= ~static_cast<mode_t>(S_ISGID);
}

// Owner and mode of a file whose layer keeps them in an xattr change in one step. Precondition: inode.timesMu held.
Status changeKept(const Overrides& overrides, At at, const AttrChange& change) {
  TRY_ASSIGN(sys::Stat shown, overrides.stat(at));
  shown.uid = change.uid.value_or(shown.uid);
  shown.gid = change.gid.value_or(shown.gid);
  if (change.uid || change.gid) {
    dropSetids(shown);
    if (!shown.isDir()) TRY(dropCapability(overrides, at));
  }
  if (change.mode) shown.mode = (shown.mode & S_IFMT) | (*change.mode & 07777U);
  return overrides.write(at, shown);
}

Status changeOwnerAndMode(const Overrides& overrides, At at, const AttrChange& change) {
  if (!change.uid && !change.gid && !change.mode) return success();
  if (overrides) return changeKept(overrides, at, change);
  if (change.uid || change.gid) TRY(sys::chown(at, change.uid, change.gid));
  return change.mode ? sys::chmod(at, *change.mode & 07777U) : success();
}

// Owner before mode, because chown clears setuid bits; times last, because everything changes them.
Status applyChange(OverlayState& state, Inode& inode, const AttrChange& change) {
  std::unique_lock<SmallMutex> times;
  const Overrides& overrides = state.overrides();
  if (overrides || (state.kernelKeepsTimes && (change.atime || change.mtime))) times = std::unique_lock(inode.timesMu);
  const auto apply = [&](At at) -> Status {
    TRY(changeOwnerAndMode(overrides, at, change));
    return change.atime || change.mtime ? setTimes(state, at, change) : success();
  };
  return withPlace(state, inode, [&](At at) { return state.noteUpper(apply(at), "setattr"); });
}

// Who writes has the upper's file open already; what is in a lower stays there.
Status dropPrivileges(OverlayState& state, const InodeRef& inode) {
  if (!inode->isRegular() || !inode->inUpper()) return success();
  TRY_ASSIGN(const FdRef fd, dataFd(state, inode, false));
  return state.noteUpper(killPrivileges(state, *inode, fd->get()), "setattr");
}

}  // namespace

// With its write-back cache the kernel keeps the times of files itself and sends them when it drops an inode, also after a
// mere change of the ctime (unlink, rename, chmod). Mostly the mtime is what it is already; taking that for a change would
// copy up every lower file that is removed.
Result<Attr> Overlay::setattr(const Caller& caller, NodeId node, const AttrChange& asked) {
  OverlayState& state = *state_;
  const AttrChange change = state.options.owners.store(asked);
  if (change.onlyKeptTimes && change.mtime) {
    TRY_ASSIGN(const Attr attr, getattr(node));
    if (attr.mtime == change.mtime->at) return attr;
  }
  TRY(state.requireWritable());
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  if (change.isEmpty()) {
    if (change.killPrivileges) TRY(dropPrivileges(state, inode));
    return getattr(node);
  }
  if (change.size) TRY(changeSize(state, caller, inode, change));
  TRY(copyUp(state, caller, inode));
  static_cast<void>(settleHardlinks(state));  // logged
  sys::actAsSelf();
  return state.retryWhenFull([&]() -> Result<Attr> {
    const TreeLock tree(state.renameMu);
    TRY(applyChange(state, *inode, change));
    TRY_ASSIGN(const sys::Stat stat, statInode(state, *inode));
    return attrOf(state, *inode, stat);
  });
}

Result<std::string> Overlay::readlink(NodeId node) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  const TreeLock tree(state.renameMu);
  if (auto recalled = recallTarget(state, *inode)) return std::move(*recalled);
  return withPlace(state, *inode, [](At at) { return sys::readlink(at); });
}

Result<StatFs> Overlay::statfs(NodeId /*node*/) {
  const LayerStack& stack = *state_->stack;
  TRY_ASSIGN(const sys::FsStat fs, sys::statFs(stack.layer(stack.firstIndex()).root()));
  StatFs out;
  out.blocks = fs.blocks;
  out.bfree = fs.bfree;
  out.bavail = fs.bavail;
  out.files = fs.files;
  out.ffree = fs.ffree;
  out.bsize = fs.bsize;
  out.frsize = fs.frsize;
  out.namelen = fs.namelen;
  // A longer name could be made and not be deleted.
  const bool files = stack.writable() && stack.work().features().whiteout == WhiteoutForm::file;
  if (files && out.namelen > marker::kWhiteoutPrefix.size()) out.namelen -= static_cast<uint32_t>(marker::kWhiteoutPrefix.size());
  return out;
}

Result<uint32_t> Overlay::getFlags(NodeId node) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  if (!inode->isDir() && !inode->isRegular()) return Errno(ENOTTY);
  const TreeLock tree(state.renameMu);
  return withPlace(state, *inode, [&inode](At at) -> Result<uint32_t> {
    if (inode->isDir()) return sys::getFlags(at.dir);
    TRY_ASSIGN(const Fd fd, sys::openData(at, false));
    return sys::getFlags(fd.get());
  });
}

Status Overlay::setFlags(const Caller& caller, NodeId node, uint32_t flags) {
  OverlayState& state = *state_;
  TRY(state.requireWritable());
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  if (!inode->isDir() && !inode->isRegular()) return Errno(ENOTTY);
  TRY(copyUp(state, caller, inode));
  static_cast<void>(settleHardlinks(state));  // logged
  state.dataFds.drop({inode->id, 0});         // opened under other rules
  const TreeLock tree(state.renameMu);
  return withPlace(state, *inode, [&](At at) -> Status {
    if (inode->isDir()) return sys::setFlags(at.dir, flags);
    TRY_ASSIGN(const Fd fd, sys::openData(at, false));
    return sys::setFlags(fd.get(), flags);
  });
}

}  // namespace unionfs

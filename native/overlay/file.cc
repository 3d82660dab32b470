#include <fcntl.h>

#include <algorithm>

#include "base/blocking.h"
#include "overlay/copy_up.h"
#include "overlay/file_data.h"
#include "overlay/hardlink.h"
#include "overlay/locate.h"
#include "sys/attr.h"
#include "sys/creds.h"
#include "sys/io.h"
#include "sys/open.h"

namespace unionfs {

Result<FdRef> dataFd(OverlayState& state, const InodeRef& inode, bool writable) {
  if (!inode->isRegular()) return inode->isDir() ? Errno(EISDIR) : Errno(EINVAL);
  if (auto cached = state.dataFds.get({inode->id, 0}); cached.fd && (cached.writable || !writable)) return std::move(cached.fd);
  const TreeLock tree(state.renameMu);
  const bool upper = inode->inUpper();
  TRY_ASSIGN(Fd fd, withPlace(state, *inode, [&](At at) -> Result<Fd> {
               TRY_ASSIGN(Fd opened, sys::openData(at, writable));
               if (!upper) return opened;
               TRY_ASSIGN(const sys::Stat stat, sys::stat({opened.get(), ""}));
               const std::lock_guard lock(inode->mu);
               if (stat.ino != inode->upperIno) return Errno(ENOENT);
               return opened;
             }));
  FdRef shared = std::make_shared<const Fd>(std::move(fd));
  state.dataFds.put({inode->id, 0}, {shared, writable});
  // A copy-up may have dropped the cached lower before this one got in.
  if (!upper && inode->inUpper()) state.dataFds.drop({inode->id, 0});
  return shared;
}

Status killPrivileges(int fd) {
  TRY_ASSIGN(const sys::Stat stat, sys::stat({fd, ""}));
  mode_t drop = 0;
  if ((stat.mode & S_ISUID) != 0) drop |= S_ISUID;
  if ((stat.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) drop |= S_ISGID;
  if (drop == 0) return success();
  return sys::chmod({fd, ""}, stat.mode & 07777U & ~drop);
}

Result<size_t> Overlay::read(NodeId node, std::span<std::byte> into, uint64_t offset) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  TRY_ASSIGN(const FdRef fd, dataFd(state, inode, false));
  const auto cached = sys::tryReadAt(fd->get(), into, offset);
  if (cached.failsWith(EAGAIN)) aboutToBlock();
  const size_t have = cached.ok() ? *cached : 0;
  if (have == into.size()) return have;
  TRY_ASSIGN(const size_t rest, sys::readAt(fd->get(), into.subspan(have), offset + have));
  return have + rest;
}

namespace {

// The descriptor to change an inode's data through, which is the upper's from now on.
Result<FdRef> writableData(OverlayState& state, const Caller& caller, const InodeRef& inode, CopyExtent extent = {}) {
  TRY(state.requireWritable());
  if (!inode->inUpper()) {
    TRY(copyUpFile(state, caller, inode, extent));
    settleHardlinks(state);
  }
  return dataFd(state, inode, true);
}

// Writes above this size may wait for memory or a disk.
constexpr size_t kQuickWrite = 256 << 10;

}  // namespace

Result<size_t> Overlay::write(const Caller& caller, NodeId node, std::span<const std::byte> from, uint64_t offset, WriteOptions options) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  TRY_ASSIGN(const FdRef fd, writableData(state, caller, inode));
  if (from.size() > kQuickWrite) aboutToBlock();
  const auto written = sys::writeAt(fd->get(), from, offset);
  if (!written.ok()) return state.noteUpperError(written.error(), "write");
  if (options.killPrivileges) TRY(killPrivileges(fd->get()));
  return written;
}

Status Overlay::fsync(NodeId node, bool dataOnly) {
  OverlayState& state = *state_;
  if (state.options.isVolatile) return success();
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  if (!inode->inUpper() || !inode->isRegular()) return success();
  TRY_ASSIGN(const FdRef fd, dataFd(state, inode, true));
  aboutToBlock();
  return state.noteUpper(sys::fsync(fd->get(), dataOnly), "fsync");
}

Status Overlay::fsyncdir(NodeId node, bool dataOnly) {
  OverlayState& state = *state_;
  if (state.options.isVolatile) return success();
  TRY_ASSIGN(const InodeRef dir, state.findDir(node));
  if (!dir->dir->hasUpper) return success();
  FdRef fd;
  {
    const TreeLock tree(state.renameMu);
    TRY_ASSIGN(fd, dirFd(state, *dir, kUpperLayer));
  }
  aboutToBlock();
  return state.noteUpper(sys::fsync(fd->get(), dataOnly), "fsync of a directory");
}

Status Overlay::syncfs() {
  OverlayState& state = *state_;
  if (state.options.isVolatile || !state.stack->writable()) return success();
  aboutToBlock();
  return state.noteUpper(sys::syncFs(state.stack->upper().root()), "syncfs");
}

Status Overlay::fallocate(const Caller& caller, NodeId node, int mode, uint64_t offset, uint64_t length) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  TRY_ASSIGN(const FdRef fd, writableData(state, caller, inode));
  aboutToBlock();
  return state.noteUpper(sys::fallocate(fd->get(), mode, offset, length), "fallocate");
}

Result<uint64_t> Overlay::lseek(NodeId node, uint64_t offset, int whence) {
  OverlayState& state = *state_;
  if (whence != SEEK_DATA && whence != SEEK_HOLE) return Errno(EINVAL);
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  TRY_ASSIGN(const FdRef fd, dataFd(state, inode, false));
  return sys::seek(fd->get(), offset, whence);
}

Result<size_t> Overlay::copyFileRange(const Caller& caller, NodeId from, uint64_t fromOffset, NodeId to, uint64_t toOffset, size_t length) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef source, state.table.find(from));
  TRY_ASSIGN(const InodeRef target, state.table.find(to));
  TRY_ASSIGN(const FdRef targetFd, writableData(state, caller, target));
  TRY_ASSIGN(const FdRef sourceFd, dataFd(state, source, false));
  aboutToBlock();
  return sys::copyRange(sourceFd->get(), fromOffset, targetFd->get(), toOffset, length);
}

// --- passthrough

Result<DataFd> Overlay::openData(const Caller& caller, NodeId node, OpenFlags flags) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  if (!flags.writes()) {
    const bool onLower = !inode->inUpper();
    TRY_ASSIGN(FdRef fd, dataFd(state, inode, false));
    return DataFd{std::move(fd), onLower};
  }
  const CopyExtent extent{(flags.raw & O_TRUNC) != 0 ? 0 : UINT64_MAX};
  TRY_ASSIGN(FdRef fd, writableData(state, caller, inode, extent));
  if (inode->lowerBackings.load() > 0) {
    TRY(giveNewIdentity(state, inode));
    return Errno(ESTALE);
  }
  return DataFd{std::move(fd), false};
}

void Overlay::backingOpened(NodeId node, bool onLower) {
  if (!onLower) return;
  if (const auto inode = state_->table.find(node); inode.ok()) (*inode)->lowerBackings.fetch_add(1);
}

void Overlay::backingClosed(NodeId node) {
  const auto inode = state_->table.find(node);
  if (!inode.ok()) return;
  uint32_t open = (*inode)->lowerBackings.load();
  while (open > 0 && !(*inode)->lowerBackings.compare_exchange_weak(open, open - 1)) {
  }
}

}  // namespace unionfs

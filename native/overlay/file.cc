#include <fcntl.h>

#include <algorithm>

#include "base/blocking.h"
#include "base/log.h"
#include "overlay/copy_up.h"
#include "overlay/file_data.h"
#include "overlay/hardlink.h"
#include "overlay/keep_times.h"
#include "overlay/locate.h"
#include "sys/attr.h"
#include "sys/creds.h"
#include "sys/io.h"
#include "sys/open.h"
#include "sys/write_back.h"
#include "sys/xattr.h"

namespace unionfs {

Result<FdRef> dataFd(OverlayState& state, const InodeRef& inode, bool writable) {
  TRY_ASSIGN(CachedFd data, openDataFd(state, inode, writable));
  return std::move(data.fd);
}

Result<CachedFd> openDataFd(OverlayState& state, const InodeRef& inode, bool writable) {
  if (!inode->isRegular()) return inode->isDir() ? Errno(EISDIR) : Errno(EINVAL);
  if (auto cached = state.dataFds.get({inode->id, 0}); cached.fd && (cached.writable || !writable)) return cached;
  const TreeLock tree(state.renameMu);
  const bool upper = inode->inUpper();
  TRY_ASSIGN(Fd fd, withName(state, *inode, [&](At at) -> Result<Fd> {
               TRY_ASSIGN(Fd opened, sys::openData(at, writable, upper));
               if (!upper) return opened;
               TRY_ASSIGN(const sys::Stat stat, sys::stat({opened.get(), ""}));
               TRY(requireStill(*inode, stat));
               return opened;
             }));
  if (writable && upper && state.overrides()) TRY(dropCapability(state.overrides(), {fd.get(), ""}));
  const bool appends = writable && sys::isAppendOnly(fd.get());
  CachedFd shared{std::make_shared<const Fd>(std::move(fd)), writable, appends, upper};
  state.dataFds.put({inode->id, 0}, shared);
  // A copy-up may have dropped the cached lower before this one got in.
  if (!upper && inode->inUpper()) state.dataFds.drop({inode->id, 0});
  return shared;
}

void keepOpen(OverlayState& state, NodeId node, Fd file) noexcept {
  try {
    state.dataFds.put({node, 0}, {.fd = std::make_shared<const Fd>(std::move(file)), .writable = true, .ofUpper = true});
  } catch (const std::bad_alloc&) {
    state.dataFds.drop({node, 0});
  }
}

// The capabilities of a file go with every change of its data or owner. Where they are kept under another name, no
// filesystem does it.
Status dropCapability(const Overrides& overrides, At at) {
  const auto gone = sys::removeXattr(at, overrides.storedXattrName("security.capability").c_str());
  return gone.failsWith(ENODATA) || gone.failsWith(EPERM) || gone.failsWith(EOPNOTSUPP) ? success() : gone;
}

// Noted also when nothing is left to do here: the layer may have taken the bits at the write already.
Status killPrivileges(const OverlayState& state, Inode& inode, int fd) {
  state.noteStale(inode);
  const Overrides& overrides = state.overrides();
  std::unique_lock<SmallMutex> owner;
  if (overrides) {
    TRY(dropCapability(overrides, {fd, ""}));
    owner = std::unique_lock(inode.timesMu);
  }
  TRY_ASSIGN(sys::Stat stat, overrides.stat({fd, ""}));
  mode_t drop = 0;
  if ((stat.mode & S_ISUID) != 0) drop |= S_ISUID;
  if ((stat.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) drop |= S_ISGID;
  if (drop == 0) return success();
  stat.mode &= ~drop;
  return overrides ? overrides.write({fd, ""}, stat) : sys::chmod({fd, ""}, stat.mode & 07777U);
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
Result<CachedFd> writableData(OverlayState& state, const Caller& caller, const InodeRef& inode, CopyExtent extent = {}) {
  TRY(state.requireWritable());
  if (!inode->inUpper()) {
    TRY(copyUpFile(state, caller, inode, extent));
    static_cast<void>(settleHardlinks(state));  // logged
  }
  return openDataFd(state, inode, true);
}

// A message from the page cache must be written whole or fail: a short count there is taken for all of it.
Result<size_t> writeWhole(int fd, std::span<const std::byte> from, uint64_t offset) {
  for (size_t done = 0; done < from.size();) {
    TRY_ASSIGN(const size_t count, sys::writeAt(fd, from.subspan(done), offset + done));
    if (count == 0) return Errno(EIO);
    done += count;
  }
  return from.size();
}

// The page cache writes back whole pages: of an append-only file, what lies before its end is there already.
Result<size_t> writeToEnd(int fd, std::span<const std::byte> from, uint64_t offset) {
  TRY_ASSIGN(const sys::Stat stat, sys::stat({fd, ""}));
  if (offset > stat.size || offset + from.size() <= stat.size) return Errno(EPERM);
  const size_t known = stat.size - offset;
  TRY_ASSIGN(const size_t appended, writeWhole(fd, from.subspan(known), stat.size));
  return known + appended;
}

// FALLOCATE and COPY_FILE_RANGE do not say whether the caller may keep setuid bits: only root may.
Status killPrivilegesOf(const Caller& caller, const OverlayState& state, Inode& inode, int fd) {
  return caller.uid == 0 ? success() : killPrivileges(state, inode, fd);
}

// Runs a change of the data. Where the kernel keeps the times, the file's stay what they were: a change within the
// same clock tick is none for the kernel, and it would never correct what the layer's own clock said.
template <typename Change>
auto changeData(OverlayState& state, Inode& inode, int fd, Change&& change) {
  if (!state.kernelKeepsTimes) return change();
  const std::lock_guard lock(inode.timesMu);
  const KeepTimes times(fd);
  return change();
}

// Writes above this size may wait for memory or a disk.
constexpr size_t kQuickWrite = 256 << 10;

// Nobody may be left who hears of it from write, fsync or close.
void tellLost(OverlayState& state, NodeId node, Errno error, size_t bytes) {
  if (!state.lostWrites.isNew(node)) return;
  const auto inode = state.table.find(node);
  const auto path = inode.ok() ? pathOf(**inode) : std::nullopt;
  const bool full = error == ENOSPC || error == EDQUOT;
  log::write(log::Level::error, "cached data could not be written to the upper and is lost",
             {{"path", path.value_or("a file without a name")},
              {"errno", error.value()},
              {"bytes", bytes},
              {"remedy", full ? "the upper is full: make room on its filesystem, and write the file again" : "write the file again"}});
}

Result<size_t> writeData(OverlayState& state, const Caller& caller, NodeId node, std::span<const std::byte> from, uint64_t offset,
                         WriteOptions options) {
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  TRY_ASSIGN(const CachedFd data, writableData(state, caller, inode));
  if (from.size() > kQuickWrite) aboutToBlock();
  const int fd = data.fd->get();
  const auto put = [&]() -> Result<size_t> {
    if (data.appends) return writeToEnd(fd, from, offset);
    return options.fromCache ? writeWhole(fd, from, offset) : sys::writeAt(fd, from, offset);
  };
  const auto written = state.retryWhenFull([&] { return changeData(state, *inode, fd, put); });
  if (!written.ok()) return state.noteUpperError(written.error(), "write");
  if (options.killPrivileges) TRY(killPrivileges(state, *inode, fd));
  return written;
}

}  // namespace

Result<size_t> Overlay::write(const Caller& caller, NodeId node, std::span<const std::byte> from, uint64_t offset, WriteOptions options) {
  auto written = writeData(*state_, caller, node, from, offset, options);
  if (options.fromCache && !written.ok()) tellLost(*state_, node, written.error(), from.size());
  return written;
}

namespace {

// A volatile mount flushes nothing, but does not say of data known to be lost that it is safe.
// Linux: fs/overlayfs/super.c:ovl_sync_status().
Status syncStatus(const OverlayState& state) { return state.upperBroken.load(std::memory_order_relaxed) ? Errno(EIO) : success(); }

}  // namespace

Status Overlay::fsync(NodeId node, bool dataOnly) {
  OverlayState& state = *state_;
  if (state.options.isVolatile) TRY(syncStatus(state));
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  if (!inode->inUpper() || !inode->isRegular()) return success();
  TRY_ASSIGN(const FdRef fd, dataFd(state, inode, false));
  if (state.options.isVolatile) return state.noteUpper(sys::writeBackStatus(fd->get()), "write-back");
  return state.sync(fd->get(), dataOnly, "fsync");
}

Status Overlay::fsyncdir(NodeId node, bool dataOnly) {
  OverlayState& state = *state_;
  if (state.options.isVolatile) return syncStatus(state);
  TRY_ASSIGN(const InodeRef dir, state.findDir(node));
  if (!dir->dir->hasUpper) return success();
  FdRef fd;
  {
    const TreeLock tree(state.renameMu);
    TRY_ASSIGN(fd, dirFd(state, *dir, kUpperLayer));
  }
  return state.sync(fd->get(), dataOnly, "fsync of a directory");
}

Status Overlay::syncfs() {
  OverlayState& state = *state_;
  if (!state.stack->writable()) return success();
  if (state.options.isVolatile) return syncStatus(state);
  aboutToBlock();
  return state.noteUpper(sys::syncFs(state.stack->upper().root()), "syncfs");
}

Status Overlay::fallocate(const Caller& caller, NodeId node, int mode, uint64_t offset, uint64_t length) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  TRY_ASSIGN(const CachedFd data, writableData(state, caller, inode));
  const FdRef& fd = data.fd;
  if (length > kQuickWrite) aboutToBlock();
  TRY(state.noteUpper(state.retryWhenFull([&] {
    return changeData(state, *inode, fd->get(), [&] { return sys::fallocate(fd->get(), mode, offset, length); });
  }),
                      "fallocate"));
  return killPrivilegesOf(caller, state, *inode, fd->get());
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
  TRY_ASSIGN(const CachedFd targetData, writableData(state, caller, target));
  const FdRef& targetFd = targetData.fd;
  TRY_ASSIGN(const FdRef sourceFd, dataFd(state, source, false));
  // By what there is to copy: cp asks for all that a file could ever hold.
  TRY_ASSIGN(const sys::Stat stat, sys::stat({sourceFd->get(), ""}));
  if (stat.size > fromOffset && std::min<uint64_t>(stat.size - fromOffset, length) > kQuickWrite) aboutToBlock();
  const auto copied = state.retryWhenFull([&] {
    return changeData(state, *target, targetFd->get(),
                      [&] { return sys::copyRange(sourceFd->get(), fromOffset, targetFd->get(), toOffset, length); });
  });
  if (!copied.ok()) return copied;  // by the source as well as by the upper
  TRY(killPrivilegesOf(caller, state, *target, targetFd->get()));
  return copied;
}

// --- passthrough

Status Overlay::mayOpen(NodeId node, OpenFlags flags) {
  TRY_ASSIGN(const InodeRef inode, state_->table.find(node));
  if (!successorOf(*inode)) return success();
  return flags.writes() || inode->lowerBackings.load() > 0 ? Status(Errno(ESTALE)) : success();
}

Result<DataFd> Overlay::openData(const Caller& caller, NodeId node, OpenFlags flags) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  if (!flags.writes()) {
    const bool onLower = !inode->inUpper();
    TRY_ASSIGN(FdRef fd, dataFd(state, inode, false));
    return DataFd{std::move(fd), onLower};
  }
  const CopyExtent extent{(flags.raw & O_TRUNC) != 0 ? 0 : UINT64_MAX};
  TRY_ASSIGN(CachedFd data, writableData(state, caller, inode, extent));
  state.awaitRoom();
  if (data.appends && (flags.raw & O_APPEND) == 0) return Errno(EPERM);
  if (inode->lowerBackings.load() > 0) {
    TRY(giveNewIdentity(state, inode));
    return Errno(ESTALE);
  }
  return DataFd{std::move(data.fd), false};
}

void Overlay::lowerBackingOpened(NodeId node) {
  if (const auto inode = state_->table.find(node); inode.ok()) (*inode)->lowerBackings.fetch_add(1);
}

void Overlay::lowerBackingClosed(NodeId node) {
  if (const auto inode = state_->table.find(node); inode.ok()) (*inode)->lowerBackings.fetch_sub(1);
}

}  // namespace unionfs

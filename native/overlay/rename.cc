#include <fcntl.h>
#include <stdio.h>

#include <optional>
#include <vector>

#include "layer/marker.h"
#include "overlay/copy_up.h"
#include "overlay/ino.h"
#include "overlay/listing.h"
#include "overlay/metadata.h"
#include "overlay/names.h"
#include "sys/creds.h"
#include "sys/open.h"
#include "sys/tree.h"

namespace unionfs {

namespace {

// One end of a rename.
struct End {
  InodeRef dir;
  CName name;
  InodeRef inode;  // what the union shows there; empty when nothing
  sys::Stat stat;  // of it
  UpperName upper = UpperName::absent;
  bool lower = false;  // a lower shows the name
  FdRef upperDir;
  [[nodiscard]] At at() const { return {upperDir->get(), name.c_str()}; }
  [[nodiscard]] bool isDir() const { return inode && inode->isDir(); }
};

// Precondition: renameMu held exclusive, which stands for the locks of all directories; the directory is in the upper.
Status inspect(OverlayState& state, End& end) {
  if (end.dir->dir->removed) return Errno(ENOENT);
  TRY_ASSIGN(NameView view, viewName(state, *end.dir, end.name));
  end.upper = view.upper;
  if (view.found) {
    end.stat = view.found->stat;
    TRY_ASSIGN(end.inode, adopt(state, *end.dir, end.name, std::move(*view.found)));
  }
  TRY_ASSIGN(end.lower, lowersShow(state, *end.dir, end.name));
  TRY_ASSIGN(end.upperDir, dirFd(state, *end.dir, kUpperLayer));
  return success();
}

// EXDEV for a directory that is, or merges, a lower. A file must have been copied up by now.
Status checkMovable(const End& end) {
  if (end.isDir()) return end.inode->dir->hasLower ? Status(Errno(EXDEV)) : success();
  if (end.upper != UpperName::present) return Errno(kNeedsSettling);
  return success();
}

// A directory that comes to lie over a lower's name must not merge with it.
Status coverLower(OverlayState& state, const End& moved, const End& place) {
  if (!moved.isDir() || !(place.lower || place.upper == UpperName::whiteoutDevice || place.upper == UpperName::whiteoutFile))
    return success();
  TRY_ASSIGN(const FdRef fd, dirFd(state, *moved.inode, kUpperLayer));
  return state.work().setOpaque(fd->get());
}

Status carryImpure(OverlayState& state, const End& moved, const End& place) {
  if (moved.isDir() || moved.dir == place.dir) return success();
  if (moved.inode->ino == composeIno(state, kUpperLayer, moved.inode->upperIno)) return success();
  return markImpure(state, *place.dir);
}

// Tells the inode of its new name. Takes its memory before the rename is made, so that it cannot fail afterwards.
class LinkMove {
 public:
  LinkMove(const End& from, const End& to) : from_(from), to_(to), moved_{to.dir, std::string(to.name.view()), LinkState::upper} {
    const std::lock_guard lock(from.inode->mu);
    dropped_.reserve(from.inode->links.size());
    from.inode->links.reserve(from.inode->links.size() + 1);  // renameMu is held: no other link comes meanwhile
  }
  // A record that both names left behind (a lower name that went) must not stand beside the new one.
  void commit() noexcept {
    const std::lock_guard lock(from_.inode->mu);
    auto& links = from_.inode->links;
    for (auto it = links.begin(); it != links.end();) {
      if (is(*it, from_) || is(*it, to_)) {
        dropped_.push_back(std::move(*it));
        it = links.erase(it);
      } else {
        ++it;
      }
    }
    links.insert(links.begin(), std::move(moved_));
  }

 private:
  static bool is(const Link& link, const End& end) { return link.parent == end.dir && link.name == end.name.view(); }

  const End& from_;
  const End& to_;
  Link moved_;
  std::vector<Link> dropped_;  // parent references go after the lock
};

// The directory about to be replaced shows nothing, but markers may lie in it on disk: an empty opaque directory with
// the same attributes takes its place first. Linux: fs/overlayfs/dir.c:ovl_clear_empty().
Status clearMarkers(OverlayState& state, const End& to) {
  WorkDir& work = state.work();
  const std::string staged = work.newName();
  TRY(sys::mkdir(work.at(staged), 0700));
  const auto build = [&]() -> Status {
    TRY_ASSIGN(const Fd dir, sys::open(work.at(staged), O_RDONLY | O_DIRECTORY));
    // Not with a file: the directory must be empty to be replaced.
    TRY(marker::setOpaque(dir.get(), work.features().xattrs));
    TRY_ASSIGN(const FdRef old, dirFd(state, *to.inode, kUpperLayer));
    TRY_ASSIGN(const Metadata metadata, readMetadata(state.stack->upper(), {old->get(), ""}, to.stat));
    TRY(writeMetadata(state.overrides(), metadata, {dir.get(), ""}));
    return sys::rename(work.at(staged), to.at(), RENAME_EXCHANGE);
  };
  const auto built = build();
  work.discard(staged);
  TRY(built);
  // The directory the union knows is this one now, whatever becomes of the rename.
  TRY_ASSIGN(const sys::Stat stat, sys::stat(to.at()));
  state.table.dropKeys(*to.inode);
  state.table.addKey(*to.inode, keyOf(kUpperLayer, stat));
  state.dirFds.drop({to.inode->id, kUpperLayer});
  indexPresent(state, *to.dir, to.name.view(), stat.mode, stat.ino, to.lower);
  TRY_ASSIGN(Fd opened, sys::open(to.at(), O_RDONLY | O_DIRECTORY));
  FdRef fd = std::make_shared<const Fd>(std::move(opened));
  const std::lock_guard lock(to.inode->mu);
  to.inode->pin.swap(fd);
  return success();
}

Status moveOnDisk(OverlayState& state, const End& from, const End& to) {
  const UpperName was = to.upper;
  return state.noteUpper(from.lower ? state.work().renameLeavingWhiteout(from.at(), to.at(), was, from.isDir())
                                    : state.work().renamePlain(from.at(), to.at(), was, from.isDir()),
                         "rename");
}

// What stands at the target must be replaceable, and stay reachable for those who have it open.
Status prepareTarget(OverlayState& state, const End& from, End& to, bool lastTry) {
  if (!to.inode) return success();
  if (from.isDir() && !to.isDir()) return Errno(ENOTDIR);
  if (!from.isDir() && to.isDir()) return Errno(EISDIR);
  if (!to.isDir()) return to.upper == UpperName::present ? pinBeforeLoss(state, to.inode, *to.dir, to.name, lastTry) : success();
  TRY(checkEmpty(state, *to.inode));
  return pinRemovedDir(state, *to.inode);
}

// Precondition of both: renameMu held exclusive.
Status replaceLocked(OverlayState& state, End& from, End& to, bool lastTry) {
  if (from.inode == to.inode) return success();  // two names of one file: rename(2) does nothing
  TRY(checkMovable(from));
  TRY(prepareTarget(state, from, to, lastTry));
  TRY(coverLower(state, from, to));
  TRY(carryImpure(state, from, to));
  LinkMove link(from, to);
  auto moved = moveOnDisk(state, from, to);
  if (to.isDir() && (moved.failsWith(ENOTEMPTY) || moved.failsWith(EEXIST))) {
    TRY(clearMarkers(state, to));
    moved = moveOnDisk(state, from, to);
  }
  TRY(moved);
  link.commit();
  if (to.isDir())
    markRemoved(state, *to.inode);
  else if (to.inode)
    dropName(state, to.inode, *to.dir, to.name, to.stat.nlink);
  // The whiteout a moved directory changed places with may still lie where it was.
  bool whiteout = from.lower;
  if (!whiteout && from.isDir() && to.upper == UpperName::whiteoutDevice) {
    const auto stays = sys::exists(from.at());
    whiteout = stays.ok() && *stays;
    if (!stays.ok()) dropIndex(state, *from.dir);  // which would not know
  }
  indexRemoved(state, *from.dir, from.name.view(), state.work().features().whiteout, whiteout, from.lower);
  indexPresent(state, *to.dir, to.name.view(), from.stat.mode, from.stat.ino, to.lower);
  return success();
}

Status exchangeLocked(OverlayState& state, End& from, End& to) {
  if (from.inode == to.inode) return success();
  TRY(checkMovable(from));
  TRY(checkMovable(to));
  TRY(coverLower(state, from, to));
  TRY(coverLower(state, to, from));
  TRY(carryImpure(state, from, to));
  TRY(carryImpure(state, to, from));
  LinkMove there(from, to), back(to, from);
  TRY(state.noteUpper(sys::rename(from.at(), to.at(), RENAME_EXCHANGE), "rename"));
  there.commit();
  back.commit();
  indexPresent(state, *to.dir, to.name.view(), from.stat.mode, from.stat.ino, to.lower);
  indexPresent(state, *from.dir, from.name.view(), to.stat.mode, to.stat.ino, from.lower);
  return success();
}

Status renameLocked(OverlayState& state, End from, End to, RenameMode mode, bool lastTry) {
  TRY(copyUpDir(state, *from.dir));
  TRY(copyUpDir(state, *to.dir));
  const IndexGuard fromIndex(state, *from.dir), toIndex(state, *to.dir);
  TRY(inspect(state, from));
  TRY(inspect(state, to));
  if (!from.inode) return Errno(ENOENT);
  if (mode == RenameMode::noReplace && to.inode) return Errno(EEXIST);
  if (mode != RenameMode::exchange) return replaceLocked(state, from, to, lastTry);
  return to.inode ? exchangeLocked(state, from, to) : Status(Errno(ENOENT));
}

// The file behind a name gets its copy before any lock is taken.
Status copyUpNamed(OverlayState& state, const Caller& caller, const End& end) {
  InodeRef inode;
  bool copiedByOtherName = false;
  {
    const TreeLock tree(state.renameMu);
    const std::shared_lock lock(end.dir->dir->mu);
    TRY_ASSIGN(NameView view, viewName(state, *end.dir, end.name));
    if (!view.found || view.found->stat.isDir()) return success();
    TRY_ASSIGN(inode, adopt(state, *end.dir, end.name, std::move(*view.found)));
    copiedByOtherName = inode->inUpper() && view.upper != UpperName::present;
  }
  if (copiedByOtherName) TRY(giveUpperName(state, inode, end.dir, end.name));
  TRY(copyUpFile(state, caller, inode));
  static_cast<void>(settleHardlinks(state));  // logged
  return success();
}

}  // namespace

Status Overlay::rename(const Caller& caller, NodeId parent, Name name, NodeId newParent, Name newName, RenameMode mode) {
  OverlayState& state = *state_;
  TRY(state.requireWritable());
  TRY(checkNewName(newName));
  TRY_ASSIGN(InodeRef fromDir, state.findDir(parent));
  TRY_ASSIGN(InodeRef toDir, state.findDir(newParent));
  TRY_ASSIGN(const CName fromName, CName::of(name));
  TRY_ASSIGN(const CName toName, CName::of(newName));
  const End from{std::move(fromDir), fromName, {}, {}, UpperName::absent, false, {}};
  const End to{std::move(toDir), toName, {}, {}, UpperName::absent, false, {}};
  return retrySettled(state, [&](bool lastTry) -> Status {
    TRY(copyUpNamed(state, caller, from));
    if (mode == RenameMode::exchange) TRY(copyUpNamed(state, caller, to));
    sys::actAsSelf();
    return state.retryWhenFull([&] {
      const std::unique_lock tree(state.renameMu);
      return renameLocked(state, from, to, mode, lastTry);
    });
  });
}

}  // namespace unionfs

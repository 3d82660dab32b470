#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "layer/marker.h"
#include "overlay/acl.h"
#include "overlay/attr.h"
#include "overlay/copy_up.h"
#include "overlay/file_data.h"
#include "overlay/ino.h"
#include "overlay/listing.h"
#include "overlay/names.h"
#include "sys/attr.h"
#include "sys/creds.h"
#include "sys/open.h"
#include "sys/tree.h"
#include "sys/xattr.h"

namespace unionfs {

namespace {

// Makes the new object at a place, as the caller.
using Maker = std::function<Status(At)>;

// Where owners are kept in xattrs the object is the daemon's.
Status makeAs(const OverlayState& state, const Caller& asking, const Maker& maker, At at) {
  const Caller caller = state.options.owners.store(asking);
  if (state.overrides())
    sys::actAsSelf(caller.umask);
  else
    TRY(sys::actAs(caller.uid, caller.gid, caller.umask));
  const auto made = maker(at);
  sys::actAsSelf();
  return made;
}

// Gives a new object the owner and mode it would have got from the filesystem. `parent` is its directory in the upper.
// Linux: fs/inode.c:inode_init_owner().
Status keepOwner(const OverlayState& state, const Caller& asking, const NewNode& node, int parent, At made) {
  const Overrides& overrides = state.overrides();
  if (!overrides) return success();
  const Caller caller = state.options.owners.store(asking);
  TRY_ASSIGN(const sys::Stat above, overrides.stat({parent, ""}));
  TRY_ASSIGN(sys::Stat shown, sys::stat(made));
  const bool inherits = (above.mode & S_ISGID) != 0;
  shown.uid = caller.uid;
  shown.gid = inherits ? above.gid : caller.gid;
  // The umask, or a default ACL, has been at work on the permissions.
  shown.mode = (node.mode & (S_IFMT | S_ISUID | S_ISGID | S_ISVTX)) | (shown.mode & 0777U);
  if (inherits && S_ISDIR(node.mode)) shown.mode |= S_ISGID;
  shown.rdev = node.rdev;
  return overrides.write(made, shown);
}

// A directory in the work directory from which a new object inherits what it would from `parent`: group and setgid
// bit, default ACL.
Status imitateParent(OverlayState& state, const std::string& stage, int parent) {
  TRY_ASSIGN(const sys::Stat stat, sys::stat({parent, ""}));
  TRY(sys::mkdir(state.work().at(stage), 0700));
  TRY_ASSIGN(const Fd dir, sys::open(state.work().at(stage), O_RDONLY | O_DIRECTORY));
  const At at{dir.get(), ""};
  if ((stat.mode & S_ISGID) != 0) TRY(sys::chown(at, std::nullopt, stat.gid));
  TRY(sys::chmod(at, 0700U | (stat.mode & S_ISGID)));
  const auto inherited = sys::getXattr({parent, ""}, acl::kDefault);
  if (inherited.ok()) return sys::setXattr(at, acl::kDefault, *inherited);
  return inherited.failsWith(ENODATA) || meansUnsupported(inherited.error()) ? success() : Status(inherited.error());
}

// What cannot be made in one step is made whole in the work directory: an object where a whiteout lies, whose place it takes,
// and one whose owner is kept in an xattr.
Status createStaged(OverlayState& state, const Caller& caller, At target, UpperName was, const NewNode& node, const Maker& maker) {
  const bool isDir = S_ISDIR(node.mode);
  WorkDir& work = state.work();
  const std::string stage = work.newName(), staged = work.newName();
  const auto build = [&]() -> Status {
    TRY(imitateParent(state, stage, target.dir));
    TRY_ASSIGN(const Fd stageDir, sys::open(work.at(stage), O_RDONLY | O_DIRECTORY));
    const At made{stageDir.get(), "new"};
    TRY(makeAs(state, caller, maker, made));
    TRY(keepOwner(state, caller, node, target.dir, made));
    if (isDir && was != UpperName::absent) {
      TRY_ASSIGN(const Fd dir, sys::open(made, O_RDONLY | O_DIRECTORY));
      TRY(work.setOpaque(dir.get()));
    }
    TRY(sys::rename(made, work.at(staged), RENAME_NOREPLACE));
    return work.publish(staged, target, was, isDir);
  };
  const auto built = build();
  if (!built.ok()) work.discard(staged);
  work.discard(stage);
  return built;
}

Resolution freshResolution(const sys::Stat& stat) {
  Resolution found;
  found.top = kUpperLayer;
  found.stat = stat;
  if (stat.isDir()) found.layers = {kUpperLayer};
  return found;
}

// The one gate through which names come into being, but for link and rename.
// Linux: fs/overlayfs/dir.c:ovl_create_or_link(), ovl_create_over_whiteout().
Result<Entry> createOnce(OverlayState& state, const Caller& caller, const InodeRef& dir, const CName& name, const NewNode& node,
                         const Maker& maker) {
  const TreeLock tree(state.renameMu);
  TRY(copyUpDir(state, *dir));
  const std::unique_lock lock(dir->dir->mu);
  const IndexGuard index(state, *dir);
  if (dir->dir->removed) return Errno(ENOENT);
  TRY_ASSIGN(const NameView view, viewName(state, *dir, name));
  if (view.found) return Errno(EEXIST);
  TRY_ASSIGN(const FdRef upper, dirFd(state, *dir, kUpperLayer));
  const At target{upper->get(), name.c_str()};
  const bool direct = view.upper == UpperName::absent && !state.overrides();
  const Status done = direct ? makeAs(state, caller, maker, target) : createStaged(state, caller, target, view.upper, node, maker);
  // A file may have come about, and its opening been refused by somebody who watches the upper.
  if (!done.ok() && !done.failsWith(ENOSPC) && !done.failsWith(EDQUOT)) dropIndex(state, *dir);
  TRY(state.noteUpper(done, "create"));
  TRY_ASSIGN(const sys::Stat stat, state.overrides().stat(target));
  const bool hidesLower = view.upper != UpperName::absent;
  indexPresent(state, *dir, name.view(), stat.mode, stat.ino, hidesLower);
  TRY_ASSIGN(const Entry entry, entryFor(state, *dir, name, freshResolution(stat)));
  if (stat.isDir()) {
    TRY_ASSIGN(const InodeRef made, state.findDir(entry.node));
    const std::unique_lock madeLock(made->dir->mu);
    beginIndex(state, *made);
  }
  return entry;
}

Result<Entry> createNode(OverlayState& state, const Caller& caller, NodeId parent, Name rawName, const NewNode& node, const Maker& maker) {
  TRY(state.requireWritable());
  TRY(checkNewName(rawName));
  TRY_ASSIGN(const InodeRef dir, state.findDir(parent));
  TRY_ASSIGN(const CName name, CName::of(rawName));
  return state.retryWhenFull([&] { return createOnce(state, caller, dir, name, node, maker); });
}

// A new regular file stays open: who makes one mostly writes to it next, and changes its owner, mode and times.
Result<Entry> createOpen(OverlayState& state, const Caller& caller, NodeId parent, Name name, const NewNode& node) {
  Fd file;
  const auto create = [&](At at) -> Status {
    file = {};  // of a try that failed later: what it made takes space while it is open
    const mode_t real = state.overrides().realMode(node.mode);
    auto opened = sys::createExclusive(at, O_RDWR, real & 07777U);
    if (opened.failsWith(EMFILE) || opened.failsWith(ENFILE)) return sys::mknod(at, real, 0);
    TRY(opened);
    file = std::move(*opened);
    return success();
  };
  TRY_ASSIGN(const Entry made, createNode(state, caller, parent, name, node, create));
  if (file) keepOpen(state, made.node, std::move(file));
  return made;
}

}  // namespace

Result<Entry> Overlay::mknod(const Caller& caller, NodeId parent, Name name, NewNode node) {
  // A user's 0:0 device would be a deletion. Linux: fs/overlayfs/dir.c:ovl_mknod().
  if (S_ISCHR(node.mode) && node.rdev == makedev(0, 0)) return Errno(EPERM);
  if (S_ISREG(node.mode)) return createOpen(*state_, caller, parent, name, node);
  return createNode(*state_, caller, parent, name, node,
                    [&](At at) { return sys::mknod(at, state_->overrides().realMode(node.mode), node.rdev); });
}

Result<Entry> Overlay::mkdir(const Caller& caller, NodeId parent, Name name, mode_t mode) {
  return createNode(*state_, caller, parent, name, {.mode = S_IFDIR | (mode & 07777U)},
                    [mode](At at) { return sys::mkdir(at, mode & 07777U); });
}

Result<Entry> Overlay::symlink(const Caller& caller, NodeId parent, Name name, std::string_view target) {
  return createNode(*state_, caller, parent, name, {.mode = S_IFLNK | 0777U},
                    [target](At at) { return sys::symlink(std::string(target), at); });
}

namespace {

Result<Entry> tmpfileOnce(OverlayState& state, const Caller& caller, const InodeRef& dir, mode_t mode) {
  const TreeLock tree(state.renameMu);
  TRY(copyUpDir(state, *dir));
  TRY_ASSIGN(const FdRef upper, dirFd(state, *dir, kUpperLayer));
  Fd file;
  TRY(state.noteUpper(makeAs(state, caller,
                             [&file, mode](At at) -> Status {
                               TRY_ASSIGN(file, sys::openTemporary(at.dir, O_RDWR, mode & 07777U));
                               return success();
                             },
                             {upper->get(), "."}),
                      "O_TMPFILE"));
  const NewNode node{.mode = S_IFREG | (mode & 07777U)};
  TRY(state.noteUpper(keepOwner(state, caller, node, upper->get(), {file.get(), ""}), "O_TMPFILE"));
  TRY_ASSIGN(const sys::Stat stat, state.overrides().stat({file.get(), ""}));
  auto pin = std::make_shared<const Fd>(std::move(file));
  const auto made = state.table.findOrCreate(keyOf(kUpperLayer, stat), stat.mode, composeIno(state, kUpperLayer, stat.ino), kUpperLayer,
                                             [&](Inode& inode) {
                                               inode.upperIno = stat.ino;
                                               inode.pin = pin;
                                             });
  state.pins.fetch_add(1, std::memory_order_relaxed);
  state.table.countLookup(*made.inode);
  return Entry{made.inode->id, attrOf(state, *made.inode, stat)};
}

}  // namespace

Result<Entry> Overlay::tmpfile(const Caller& caller, NodeId parent, mode_t mode) {
  OverlayState& state = *state_;
  TRY(state.requireWritable());
  if (!state.work().features().tmpfile) return Errno(EOPNOTSUPP);
  TRY_ASSIGN(const InodeRef dir, state.findDir(parent));
  return state.retryWhenFull([&] { return tmpfileOnce(state, caller, dir, mode); });
}

namespace {

// Precondition: dir's lock held exclusive; renameMu held.
Status linkInto(OverlayState& state, Inode& inode, At target, UpperName was) {
  if (was == UpperName::absent) return withPlace(state, inode, [&](At at) { return sys::link(at, target); });
  const std::string staged = state.work().newName();
  TRY(withPlace(state, inode, [&](At at) { return sys::link(at, state.work().at(staged)); }));
  const auto published = state.work().publish(staged, target, was, false);
  if (!published.ok()) state.work().discard(staged);
  return published;
}

// A file that had no name has one now; the descriptor that stood for it can go.
void unpin(OverlayState& state, Inode& inode) {
  FdRef pin;
  const std::lock_guard lock(inode.mu);
  if (!inode.pin) return;
  pin.swap(inode.pin);
  state.pins.fetch_sub(1, std::memory_order_relaxed);
}

Result<Entry> linkOnce(OverlayState& state, const InodeRef& inode, const InodeRef& dir, const CName& name) {
  const TreeLock tree(state.renameMu);
  TRY(copyUpDir(state, *dir));
  const std::unique_lock lock(dir->dir->mu);
  const IndexGuard index(state, *dir);
  if (dir->dir->removed) return Errno(ENOENT);
  TRY_ASSIGN(const NameView view, viewName(state, *dir, name));
  if (view.found) return Errno(EEXIST);
  TRY_ASSIGN(const FdRef upper, dirFd(state, *dir, kUpperLayer));
  const At target{upper->get(), name.c_str()};
  sys::actAsSelf();
  // The new name's directory must say that it holds a copy, or a later mount shows another inode number there.
  if (inode->ino != composeIno(state, kUpperLayer, inode->upperIno)) TRY(markImpure(state, *dir));
  TRY(state.noteUpper(linkInto(state, *inode, target, view.upper), "link"));
  TRY_ASSIGN(const sys::Stat stat, state.overrides().stat(target));
  indexPresent(state, *dir, name.view(), stat.mode, stat.ino, view.upper != UpperName::absent);
  auto entry = entryFor(state, *dir, name, freshResolution(stat));
  unpin(state, *inode);
  return entry;
}

}  // namespace

Result<Entry> Overlay::link(const Caller& caller, NodeId node, NodeId newParent, Name newName) {
  OverlayState& state = *state_;
  TRY(state.requireWritable());
  TRY(checkNewName(newName));
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  if (inode->isDir()) return Errno(EPERM);
  TRY_ASSIGN(const InodeRef dir, state.findDir(newParent));
  TRY_ASSIGN(const CName name, CName::of(newName));
  TRY(copyUpFile(state, caller, inode));
  static_cast<void>(settleHardlinks(state));  // logged
  return state.retryWhenFull([&] { return linkOnce(state, inode, dir, name); });
}

}  // namespace unionfs

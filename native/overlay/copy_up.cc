#include "overlay/copy_up.h"

#include <fcntl.h>

#include <algorithm>

#include "base/blocking.h"
#include "layer/marker.h"
#include "overlay/file_data.h"
#include "overlay/hardlink.h"
#include "overlay/keep_times.h"
#include "overlay/listing.h"
#include "overlay/lookup.h"
#include "overlay/metadata.h"
#include "sys/creds.h"
#include "sys/handle.h"
#include "sys/io.h"
#include "sys/open.h"
#include "sys/process.h"
#include "sys/tree.h"

namespace unionfs {

namespace {

// Copies larger than this let another thread serve meanwhile.
constexpr uint64_t kQuickCopy = 256 << 10;
constexpr uint64_t kBlockOfStat = 512;  // stat(3type)

constexpr const char* kCopyUp = "copy-up";
constexpr const char* kCopyUpOfDir = "copy-up of a directory";

// What a copy gets besides data.
struct Description {
  Metadata metadata;
  std::optional<sys::FileHandle> origin;
  LayerIndex layer = 0;
  [[nodiscard]] const sys::Stat& stat() const { return metadata.stat; }
};

// A filesystem without handles just has no origin, and neither has a copy that breaks a hard link.
// Linux: fs/overlayfs/copy_up.c:ovl_copy_up_one().
Result<Description> describe(const OverlayState& state, At lower, LayerIndex layer) {
  Description description;
  const Layer& from = state.stack->layer(layer);
  TRY_ASSIGN(const sys::Stat stat, from.overrides().stat(lower));
  TRY_ASSIGN(description.metadata, readMetadata(from, lower, stat));
  if (const Owners* owners = ownersToStore(state, layer)) storeOwners(description.metadata, *owners);
  description.layer = layer;
  if (!stat.isDir() && stat.nlink > 1) return description;
  if (auto handle = sys::fileHandle(lower); handle.ok()) description.origin = std::move(*handle);
  return description;
}

// Says which file the copy was made of.
Status markOrigin(OverlayState& state, const Description& source, At copy) {
  if (!source.origin) return success();
  const auto marked = marker::writeOrigin(copy, state.work().features().xattrs, *source.origin, state.stack->layer(source.layer).uuid());
  // A symlink or device cannot carry user.* xattrs.
  if (!marked.ok() && (marked.failsWith(EPERM) || meansUnsupported(marked.error()))) return success();
  return marked;
}

Status applyDescription(OverlayState& state, const Description& source, At copy) {
  TRY(markOrigin(state, source, copy));
  return writeMetadata(state.overrides(), source.metadata, copy);
}

struct Parent {
  InodeRef dir;
  CName name;
};

// The inode is known by the copy that is about to be published, unless that fails. A copy the table does not know would
// be another file for whoever looks it up.
class PublishedKey {
 public:
  PublishedKey(OverlayState& state, Inode& inode, const sys::Stat& copy) : state_(state), inode_(inode), key_(keyOf(kUpperLayer, copy)) {
    state.table.addKey(inode, key_);
  }
  ~PublishedKey() {
    if (!kept_) state_.table.dropKey(inode_, key_);
  }
  void keep() { kept_ = true; }
  PublishedKey(const PublishedKey&) = delete;
  PublishedKey& operator=(const PublishedKey&) = delete;

 private:
  OverlayState& state_;
  Inode& inode_;
  const RealKey key_;
  bool kept_ = false;
};

Result<Parent> parentOfDir(Inode& dir) {
  auto link = oneLinkOf(dir);
  if (!link || dir.dir->removed) return Errno(ENOENT);
  TRY_ASSIGN(CName name, CName::of(link->name));
  return Parent{std::move(link->parent), name};
}

// Precondition: both directory locks held exclusive, the parent is in the upper.
Status publishDir(OverlayState& state, Inode& parent, Inode& dir, const CName& name) {
  DirState& d = *dir.dir;
  const LayerIndex lower = d.layers.front();
  TRY_ASSIGN(const FdRef lowerDir, dirFd(state, dir, lower));
  TRY_ASSIGN(const Description source, describe(state, {lowerDir->get(), ""}, lower));
  const std::string staged = state.work().newName();
  TRY(state.noteUpper(sys::mkdir(state.work().at(staged), 0700), kCopyUpOfDir));
  d.layers.reserve(d.layers.size() + 1);  // what is published must be known, also without memory
  FdRef made;
  const auto fill = [&]() -> Result<sys::Stat> {
    TRY_ASSIGN(Fd opened, sys::open(state.work().at(staged), O_RDONLY | O_DIRECTORY));
    made = std::make_shared<const Fd>(std::move(opened));
    TRY(state.noteUpper(applyDescription(state, source, {made->get(), ""}), kCopyUpOfDir));
    TRY_ASSIGN(const FdRef target, dirFd(state, parent, kUpperLayer));
    const KeepTimes times(target->get());
    TRY(state.noteUpper(markImpure(state, parent), kCopyUpOfDir));
    TRY_ASSIGN(const sys::Stat upper, sys::stat({made->get(), ""}));
    PublishedKey key(state, dir, upper);
    TRY(state.noteUpper(state.work().publish(staged, {target->get(), name.c_str()}, UpperName::absent, true), kCopyUpOfDir));
    key.keep();
    return upper;
  };
  const auto published = fill();
  if (!published.ok()) {
    state.work().discard(staged);
    return published.error();
  }
  const sys::Stat& upper = *published;
  d.layers.insert(d.layers.begin(), kUpperLayer);
  dir.layer.store(kUpperLayer, std::memory_order_release);
  d.hasUpper = true;
  d.merged = true;
  const IndexGuard index(state, parent);
  state.noteStale(dir);
  state.noteStale(parent);
  indexPresent(state, parent, name.view(), S_IFDIR, upper.ino, true, d.layers);
  state.dirFds.put({dir.id, kUpperLayer}, {std::move(made), false});
  return success();
}

}  // namespace

Status markImpure(OverlayState& state, Inode& dir) {
  if (dir.dir->impure) return success();
  TRY_ASSIGN(const FdRef fd, dirFd(state, dir, kUpperLayer));
  TRY(marker::setImpure(fd->get(), state.work().features().xattrs));
  dir.dir->impure = true;
  return success();
}

namespace {

// A directory the upper lacks, and where it will be published.
struct Lacking {
  InodeRef dir;
  Parent place;
};

// `dir` and what lies above it and the upper lacks, nearest first. ENOENT when one of them was removed.
Result<std::vector<Lacking>> lackingInUpper(Inode& dir) {
  std::vector<Lacking> lacking;
  for (InodeRef current = InodeRef::of(dir);;) {
    if (current->dir->removed) return Errno(ENOENT);
    if (current->dir->hasUpper) return lacking;
    TRY_ASSIGN(Parent place, parentOfDir(*current));
    InodeRef above = place.dir;
    lacking.push_back({std::move(current), std::move(place)});
    current = std::move(above);
  }
}

}  // namespace

// A loop, because trees are deeper than stacks.
Status copyUpDir(OverlayState& state, Inode& dir) {
  if (dir.dir->removed) return Errno(ENOENT);
  if (dir.dir->hasUpper) return success();
  TRY(state.requireWritable());
  TRY_ASSIGN(std::vector<Lacking> lacking, lackingInUpper(dir));
  sys::actAsSelf();
  for (; !lacking.empty(); lacking.pop_back()) {
    const auto& [current, place] = lacking.back();
    const std::unique_lock parentLock(place.dir->dir->mu);
    const std::unique_lock lock(current->dir->mu);
    if (current->dir->hasUpper) continue;
    if (current->dir->removed) return Errno(ENOENT);
    TRY(publishDir(state, *place.dir, *current, place.name));
  }
  return success();
}

namespace {

// A finished copy that no name leads to yet: an O_TMPFILE, or an object in the work directory.
struct Staged {
  Fd file;           // of a regular file, open for writing; else O_PATH
  std::string name;  // in the work directory; empty for an O_TMPFILE
};

struct Source {
  Description description;
  Fd data;             // of a regular file
  std::string target;  // of a symlink
  [[nodiscard]] const sys::Stat& stat() const { return description.stat(); }
};

Result<Source> openSource(OverlayState& state, Inode& inode) {
  const TreeLock tree(state.renameMu);
  Source source;
  const LayerIndex layer = inode.layer.load(std::memory_order_acquire);
  TRY_ASSIGN(const Place place, placeOf(state, inode));
  TRY_ASSIGN(source.description, describe(state, place.at(), layer));
  if (inode.isRegular()) {
    TRY_ASSIGN(source.data, sys::openData(place.at(), false));
  } else if (S_ISLNK(source.stat().mode)) {
    TRY_ASSIGN(source.target, sys::readlink(place.at()));
  }
  return source;
}

Status fillRegular(OverlayState& state, const Caller& caller, const Source& source, int to, uint64_t size) {
  if (size > kQuickCopy) aboutToBlock();
  // Any signal interrupts a request; only a deadly one ends a copy-up, as in the kernel.
  const auto goOn = [&caller] {
    const bool interrupted = caller.interrupted != nullptr && caller.interrupted->load(std::memory_order_relaxed);
    return !interrupted || !sys::isBeingKilled(caller.pid);
  };
  using Holes = sys::DataCopy::Holes;
  const Holes holes = source.stat().blocks * kBlockOfStat < source.stat().size ? Holes::some : Holes::none;
  sys::DataCopy copy(source.data.get(), to, goOn);
  if (const Status copied = copy.run(size, holes); !copied.ok()) return copy.targetFailed() ? state.noteUpper(copied, kCopyUp) : copied;
  state.copyUpBytes.fetch_add(size, std::memory_order_relaxed);
  return success();
}

Result<Fd> makeStaged(WorkDir& work, Staged& staged) {
  if (work.features().tmpfile) return sys::openTemporary(work.directory().get(), O_RDWR, 0600);
  staged.name = work.newName();
  return sys::createExclusive(work.at(staged.name), O_RDWR, 0600);
}

Result<Staged> stageRegular(OverlayState& state, const Caller& caller, const Source& source, CopyExtent extent) {
  WorkDir& work = state.work();
  Staged staged;
  auto made = makeStaged(work, staged);
  if (!made.ok()) return state.noteUpperError(made.error(), kCopyUp);
  staged.file = std::move(*made);
  const At copy{staged.file.get(), ""};
  const auto fill = [&]() -> Status {
    TRY(fillRegular(state, caller, source, staged.file.get(), std::min(source.stat().size, extent.bytes)));
    TRY(state.noteUpper(applyDescription(state, source.description, copy), kCopyUp));
    if (state.options.isVolatile) return success();
    return state.sync(staged.file.get(), false, kCopyUp);
  };
  const auto filled = fill();
  if (!filled.ok() && !staged.name.empty()) work.discard(staged.name);
  TRY(filled);
  return staged;
}

Result<Staged> stageSpecial(OverlayState& state, const Source& source) {
  WorkDir& work = state.work();
  Staged staged;
  staged.name = work.newName();
  const At at = work.at(staged.name);
  const auto make = [&]() -> Status {
    const sys::Stat& stat = source.stat();
    const mode_t real = state.overrides().realMode(stat.mode & (S_IFMT | 0777U));
    const Status created = S_ISLNK(stat.mode) ? sys::symlink(source.target, at) : sys::mknod(at, real, stat.rdev);
    TRY(state.noteUpper(created, kCopyUp));
    TRY(state.noteUpper(applyDescription(state, source.description, at), kCopyUp));
    TRY_ASSIGN(staged.file, sys::open(at, O_PATH));
    return success();
  };
  const auto made = make();
  if (!made.ok()) work.discard(staged.name);
  TRY(made);
  return staged;
}

// The inode's real file is `upper` now. Precondition: the lock of the directory that got the name, or no name at all.
void becomeUpper(OverlayState& state, const InodeRef& inode, const sys::Stat& lower, const sys::Stat& upper, const Parent* where) {
  {
    const std::lock_guard lock(inode->mu);
    inode->upperIno = upper.ino;
    inode->nlinkDelta += static_cast<int32_t>(lower.nlink) - static_cast<int32_t>(upper.nlink);
    for (auto& link : inode->links) {
      if (where != nullptr && link.parent == where->dir && link.name == where->name.view()) link.state = LinkState::upper;
    }
    inode->layer.store(kUpperLayer, std::memory_order_release);
  }
  state.dataFds.drop({inode->id, 0});
  state.copyUps.fetch_add(1, std::memory_order_relaxed);
  if (lower.nlink > 1) noteUnsettled(state, inode);
}

std::optional<Parent> liveName(Inode& inode) {
  const std::lock_guard lock(inode.mu);
  for (const auto& link : inode.links) {
    if (link.state == LinkState::gone) continue;
    if (auto name = CName::of(link.name); name.ok()) return Parent{link.parent, *name};
  }
  return std::nullopt;
}

bool isLive(Inode& inode, const Parent& where) {
  const std::lock_guard lock(inode.mu);
  return std::ranges::any_of(inode.links, [&where](const Link& link) {
    return link.state != LinkState::gone && link.parent == where.dir && link.name == where.name.view();
  });
}

// A file whose names are gone gets its copy without a name.
Status publishOrphan(OverlayState& state, const InodeRef& inode, const Source& source, Staged& staged) {
  TRY_ASSIGN(const sys::Stat upper, sys::stat({staged.file.get(), ""}));
  TRY_ASSIGN(Fd pin, sys::open({staged.file.get(), ""}, O_PATH));
  if (!staged.name.empty()) TRY(state.noteUpper(sys::unlink(state.work().at(staged.name)), kCopyUp));
  {
    const std::lock_guard lock(inode->mu);
    inode->pin = std::make_shared<const Fd>(std::move(pin));
  }
  state.pins.fetch_add(1, std::memory_order_relaxed);
  state.table.addKey(*inode, keyOf(kUpperLayer, upper));
  becomeUpper(state, inode, source.stat(), upper, nullptr);
  const std::lock_guard lock(inode->mu);
  inode->nlinkDelta = 0;
  return success();
}

Status publishFile(OverlayState& state, const InodeRef& inode, const Source& source, Staged& staged) {
  const TreeLock tree(state.renameMu);
  if (source.stat().nlink > 1) keep(state, inode);  // its other names must lead to the copy
  std::optional<Parent> where;
  std::unique_lock<std::shared_mutex> lock;
  for (;;) {
    where = liveName(*inode);
    if (!where) return publishOrphan(state, inode, source, staged);
    TRY(copyUpDir(state, *where->dir));
    lock = std::unique_lock(where->dir->dir->mu);
    if (isLive(*inode, *where)) break;
    lock.unlock();
  }
  TRY_ASSIGN(const FdRef dir, dirFd(state, *where->dir, kUpperLayer));
  const At target{dir->get(), where->name.c_str()};
  const IndexGuard index(state, *where->dir);
  TRY_ASSIGN(sys::Stat upper, sys::stat({staged.file.get(), ""}));
  PublishedKey key(state, *inode, upper);
  {
    const KeepTimes times(dir->get());
    TRY(state.noteUpper(markImpure(state, *where->dir), kCopyUp));
    TRY(state.noteUpper(staged.name.empty() ? state.work().publishTemporary(staged.file.get(), target, UpperName::absent)
                                            : state.work().publish(staged.name, target, UpperName::absent, false),
                        kCopyUp));
  }
  key.keep();
  upper.nlink = 1;
  becomeUpper(state, inode, source.stat(), upper, &*where);
  state.noteStale(*where->dir);
  indexPresent(state, *where->dir, where->name.view(), source.stat().mode, upper.ino, true);
  return success();
}

// Waits for another copier without holding up the reader of requests.
void lockCopy(Inode& inode) {
  if (inode.copyMu.try_lock()) return;
  aboutToBlock();
  inode.copyMu.lock();
}

}  // namespace

Status copyUpFile(OverlayState& state, const Caller& caller, const InodeRef& inode, CopyExtent extent) {
  if (inode->inUpper()) return success();
  TRY(state.requireWritable());
  lockCopy(*inode);
  const std::lock_guard copy(inode->copyMu, std::adopt_lock);
  if (inode->inUpper()) return success();
  sys::actAsSelf();
  TRY_ASSIGN(const Source source, openSource(state, *inode));
  auto staged =
      state.retryWhenFull([&] { return inode->isRegular() ? stageRegular(state, caller, source, extent) : stageSpecial(state, source); });
  TRY(staged);
  const auto published = state.retryWhenFull([&] { return publishFile(state, inode, source, *staged); });
  if (!published.ok() && !staged->name.empty()) state.work().discard(staged->name);
  // Who had it copied mostly writes to it next, or changes its attributes.
  if (published.ok() && inode->isRegular() && !state.overrides()) keepOpen(state, inode->id, std::move(staged->file));
  letGoIfWhole(state, inode);
  return published;
}

namespace {

// Precondition: renameMu held alone, so that no verb is between finding the inode and changing its names.
void handNamesOver(OverlayState& state, Inode& former, Inode& successor, Fd pin) {
  const std::scoped_lock lock(former.mu, successor.mu);
  successor.upperIno = former.upperIno;
  successor.nlinkDelta = std::exchange(former.nlinkDelta, 0);
  successor.orphanName.swap(former.orphanName);
  successor.links.swap(former.links);
  if (former.pin) {
    successor.pin = former.pin;
  } else {
    former.pin = std::make_shared<const Fd>(std::move(pin));
  }
  state.pins.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

Status giveNewIdentity(OverlayState& state, const InodeRef& inode) {
  const std::unique_lock alone(state.renameMu);
  if (successorOf(*inode)) return success();
  TRY_ASSIGN(const sys::Stat upper, statInode(state, *inode));
  TRY_ASSIGN(Fd pin, withPlace(state, *inode, [](At at) { return sys::open(at, O_PATH); }));
  state.table.rememberIno(keyOf(kUpperLayer, upper), inode->ino);
  const InodeRef successor = state.table.succeed(*inode);
  handNamesOver(state, *inode, *successor, std::move(pin));
  successor->hasTwin.store(true);
  inode->hasTwin.store(true);
  {
    const std::lock_guard lock(inode->mu);
    inode->successor = successor;
  }
  keepInstead(state, *inode, successor);
  noteUnsettled(state, successor);
  state.dataFds.drop({inode->id, 0});
  state.noteStale(*inode);
  return success();
}

namespace {

// A lower's directory that was removed and is still open gets a copy without a name, for what changes its attributes.
// Precondition: renameMu held.
Status copyUpRemovedDir(OverlayState& state, Inode& dir) {
  const std::unique_lock lock(dir.dir->mu);
  if (dir.dir->hasUpper) return success();
  sys::actAsSelf();
  const LayerIndex lower = dir.dir->layers.front();
  TRY_ASSIGN(const FdRef lowerDir, dirFd(state, dir, lower));
  TRY_ASSIGN(const Description source, describe(state, {lowerDir->get(), ""}, lower));
  const std::string staged = state.work().newName();
  TRY(state.noteUpper(sys::mkdir(state.work().at(staged), 0700), kCopyUpOfDir));
  const auto fill = [&]() -> Result<Fd> {
    TRY_ASSIGN(Fd made, sys::open(state.work().at(staged), O_RDONLY | O_DIRECTORY));
    TRY(state.noteUpper(writeMetadata(state.overrides(), source.metadata, {made.get(), ""}), kCopyUpOfDir));
    return made;
  };
  auto made = fill();
  state.work().discard(staged);
  TRY(made);
  FdRef pin = std::make_shared<const Fd>(std::move(*made));
  dir.dir->layers.insert(dir.dir->layers.begin(), kUpperLayer);
  {
    const std::lock_guard leaf(dir.mu);
    dir.pin = std::move(pin);
  }
  state.pins.fetch_add(1, std::memory_order_relaxed);
  dir.layer.store(kUpperLayer, std::memory_order_release);
  dir.dir->hasUpper = true;
  return success();
}

}  // namespace

Status copyUp(OverlayState& state, const Caller& caller, const InodeRef& inode) {
  if (!inode->isDir()) return copyUpFile(state, caller, inode);
  TRY(state.requireWritable());
  return state.retryWhenFull([&] {
    const TreeLock tree(state.renameMu);
    const auto copied = copyUpDir(state, *inode);
    return copied.failsWith(ENOENT) && inode->dir->removed ? copyUpRemovedDir(state, *inode) : copied;
  });
}

}  // namespace unionfs

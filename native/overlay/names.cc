#include "overlay/names.h"

#include <fcntl.h>

#include <algorithm>
#include <optional>

#include "layer/marker.h"
#include "overlay/listing.h"
#include "sys/open.h"
#include "sys/tree.h"

namespace unionfs {

namespace {

bool isLink(const Link& link, const Inode& dir, Name name) { return link.parent.get() == &dir && link.name == name; }

// Without a descriptor to spare, the file keeps a name nobody sees.
Status keepAsOrphan(OverlayState& state, Inode& inode, At file) {
  const std::string orphan = state.work().newName();
  TRY(sys::link(file, state.work().at(orphan)));
  const std::lock_guard lock(inode.mu);
  inode.orphanName = orphan;
  inode.nlinkDelta -= 1;
  return success();
}

}  // namespace

Status checkNewName(Name name) {
  if (marker::isReservedName(name)) return Errno(EINVAL);
  return success();
}

Status pinBeforeLoss(OverlayState& state, const InodeRef& inode, Inode& dir, const CName& name, bool lastTry) {
  if (!inode->inUpper()) return success();
  bool needsSettling = false;
  {
    const std::lock_guard lock(inode->mu);
    bool otherUpper = false, otherLower = false;
    for (const auto& link : inode->links) {
      if (link.state == LinkState::gone || isLink(link, dir, name.view())) continue;
      (link.state == LinkState::upper ? otherUpper : otherLower) = true;
    }
    if (otherUpper || inode->pin || !inode->orphanName.empty()) return success();
    needsSettling = otherLower;
  }
  if (needsSettling) {
    noteUnsettled(state, inode);
    if (!lastTry) return Errno(kNeedsSettling);
    keep(state, inode);
  }
  state.table.forgetInos(*inode);
  TRY_ASSIGN(const FdRef upper, dirFd(state, dir, kUpperLayer));
  const At file{upper->get(), name.c_str()};
  if (state.pins.load(std::memory_order_relaxed) >= state.options.fdBudget / 4) return keepAsOrphan(state, *inode, file);
  FdRef pin = openUpperFile(state, *inode);
  if (!pin) {
    auto opened = openIfStill(*inode, file);
    if (opened.failsWith(EMFILE) || opened.failsWith(ENFILE)) return keepAsOrphan(state, *inode, file);
    TRY(opened);
    pin = std::make_shared<const Fd>(std::move(*opened));
  }
  state.pins.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(inode->mu);
  inode->pin = std::move(pin);
  return success();
}

void dropName(OverlayState& state, const InodeRef& inode, Inode& dir, const CName& name, uint32_t realNlink) {
  const bool upper = inode->inUpper();
  bool keepKnown = false;
  std::optional<Link> dropped;  // its parent reference goes after the lock
  {
    const std::lock_guard lock(inode->mu);
    const auto link =
        std::ranges::find_if(inode->links, [&](const Link& l) { return l.state != LinkState::gone && isLink(l, dir, name.view()); });
    if (link == inode->links.end()) return;
    if (!upper || link->state != LinkState::upper) {
      inode->nlinkDelta -= 1;
      keepKnown = static_cast<int64_t>(realNlink) + inode->nlinkDelta > 0;
    }
    if (upper) {
      dropped = std::move(*link);
      inode->links.erase(link);
    } else {
      link->state = LinkState::gone;
    }
  }
  if (keepKnown) keep(state, inode);
  if (upper)
    letGoIfWhole(state, inode);
  else if (!keepKnown)
    stopKeeping(state, *inode);  // no name is left
}

Status checkEmpty(OverlayState& state, Inode& child) {
  // What somebody put into the upper behind the mount may be missing in the index, and is not to be removed with it.
  if (!child.dir->hasLower) dropIndex(state, child);
  const bool loadedHere = !child.dir->index;
  TRY(loadIndex(state, child));
  const bool empty = child.dir->index->empty();
  if (loadedHere) dropIndex(state, child);
  return empty ? success() : Status(Errno(ENOTEMPTY));
}

Status pinRemovedDir(OverlayState& state, Inode& child) {
  if (!child.dir->hasUpper) return success();
  TRY_ASSIGN(FdRef fd, dirFd(state, child, kUpperLayer));
  const std::lock_guard lock(child.mu);
  if (child.pin) return success();
  state.pins.fetch_add(1, std::memory_order_relaxed);
  child.pin = std::move(fd);
  return success();
}

void markRemoved(OverlayState& state, Inode& child) {
  child.dir->removed = true;
  dropIndex(state, child);
  state.table.dropKeys(child);
}

}  // namespace unionfs

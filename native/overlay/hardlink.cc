#include "overlay/hardlink.h"

#include "base/log.h"
#include "overlay/copy_up.h"
#include "overlay/keep_times.h"
#include "overlay/listing.h"
#include "overlay/lookup.h"
#include "sys/creds.h"
#include "sys/tree.h"

namespace unionfs {

namespace {

struct Missing {
  InodeRef parent;
  CName name;
};

std::optional<Missing> missingName(Inode& inode) {
  const std::lock_guard lock(inode.mu);
  for (const auto& link : inode.links) {
    if (link.inUpper || link.gone) continue;
    if (auto name = CName::of(link.name); name.ok()) return Missing{link.parent, *name};
  }
  return std::nullopt;
}

bool markInUpper(Inode& inode, const Missing& missing) {
  const std::lock_guard lock(inode.mu);
  for (auto& link : inode.links) {
    if (link.parent == missing.parent && link.name == missing.name.view() && !link.gone) {
      link.inUpper = true;
      inode.nlinkDelta -= 1;
      return true;
    }
  }
  return false;
}

Status giveName(OverlayState& state, Inode& inode, const Missing& missing) {
  const TreeLock tree(state.renameMu);
  TRY(copyUpDir(state, *missing.parent));
  const std::unique_lock lock(missing.parent->dir->mu);
  TRY_ASSIGN(const NameView view, viewName(state, *missing.parent, missing.name));
  if (!view.found || view.found->top == kUpperLayer) return Errno(ENOENT);
  TRY_ASSIGN(const FdRef dir, dirFd(state, *missing.parent, kUpperLayer));
  const KeepTimes times(dir->get());
  TRY(markImpure(state, *missing.parent));
  TRY(withPlace(state, inode, [&](At at) { return sys::link(at, {dir->get(), missing.name.c_str()}); }));
  markInUpper(inode, missing);
  state.noteStale(*missing.parent);
  indexPresent(*missing.parent, missing.name.view(), inode.type, inode.upperIno, true);
  return success();
}

}  // namespace

void noteUnsettled(OverlayState& state, const InodeRef& inode) {
  const std::lock_guard lock(state.unsettledMu);
  state.unsettled.push_back(inode);
  state.hasUnsettled.store(true, std::memory_order_release);
}

Status settleHardlinks(OverlayState& state) {
  Status last = success();
  if (!state.hasUnsettled.load(std::memory_order_acquire)) return last;
  std::vector<InodeRef> todo;
  {
    const std::lock_guard lock(state.unsettledMu);
    todo.swap(state.unsettled);
    state.hasUnsettled.store(false, std::memory_order_relaxed);
  }
  for (const auto& inode : todo) {
    const auto settled = settleNow(state, inode);
    if (settled.ok()) continue;
    log::write(log::Level::warn, "a hard link could not be given to the upper", {{"ino", inode->ino}, {"errno", settled.error().value()}});
    last = settled;
  }
  return last;
}

Status settleNow(OverlayState& state, const InodeRef& inode) {
  if (!inode->inUpper()) return success();
  sys::actAsSelf();
  for (auto missing = missingName(*inode); missing; missing = missingName(*inode)) {
    const auto given = giveName(state, *inode, *missing);
    if (given.failsWith(ENOENT)) return success();  // the name, or the whole file, went meanwhile
    TRY(given);
  }
  return success();
}

void keep(OverlayState& state, const InodeRef& inode) {
  const std::lock_guard lock(state.keptMu);
  state.kept.emplace(inode->id, inode);
}

}  // namespace unionfs

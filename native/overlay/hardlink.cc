#include "overlay/hardlink.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "overlay/copy_up.h"
#include "overlay/ino.h"
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
    if (link.state != LinkState::lower) continue;
    if (auto name = CName::of(link.name); name.ok()) return Missing{link.parent, *name};
  }
  return std::nullopt;
}

bool markInUpper(Inode& inode, const Missing& missing) {
  const std::lock_guard lock(inode.mu);
  for (auto& link : inode.links) {
    if (link.parent == missing.parent && link.name == missing.name.view() && link.state != LinkState::gone) {
      link.state = LinkState::upper;
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
  const IndexGuard index(state, *missing.parent);
  TRY_ASSIGN(const NameView view, viewName(state, *missing.parent, missing.name));
  if (!view.found || view.found->top == kUpperLayer) return Errno(ENOENT);
  TRY_ASSIGN(const FdRef dir, dirFd(state, *missing.parent, kUpperLayer));
  const KeepTimes times(dir->get());
  TRY(state.noteUpper(markImpure(state, *missing.parent), "link"));
  TRY(state.noteUpper(withPlace(state, inode, [&](At at) { return sys::link(at, {dir->get(), missing.name.c_str()}); }), "link"));
  markInUpper(inode, missing);
  state.noteStale(*missing.parent);
  indexPresent(state, *missing.parent, missing.name.view(), inode.type, inode.upperIno, true);
  return success();
}

}  // namespace

void noteUnsettled(OverlayState& state, const InodeRef& inode) {
  const std::lock_guard lock(state.unsettledMu);
  state.unsettled.push_back(inode);
  state.hasUnsettled.store(true, std::memory_order_release);
}

namespace {

// A lookup of another name of the file may come at any moment, and an upper that refuses may do so for long. What fails
// once is tried at the next occasion; the pauses begin with the second failure.
constexpr std::chrono::milliseconds kFirstPause{100}, kLongestPause{60'000};

bool isDue(OverlayState& state, const Inode& inode) {
  if (!state.hasUnsettleable.load(std::memory_order_acquire)) return true;
  const std::lock_guard lock(state.unsettledMu);
  const auto failure = state.unsettleable.find(inode.id);
  return failure == state.unsettleable.end() || std::chrono::steady_clock::now() >= failure->second.nextTry;
}

void noteFailure(OverlayState& state, const Inode& inode, Errno error) {
  unsigned count = 0;
  {
    const std::lock_guard lock(state.unsettledMu);
    SettlingFailure& failure = state.unsettleable[inode.id];
    state.hasUnsettleable.store(true, std::memory_order_release);
    count = ++failure.count;
    if (count > 1)
      failure.nextTry = std::chrono::steady_clock::now() + std::min(kLongestPause, kFirstPause * (1U << std::min(count - 2, 10U)));
  }
  if (count > 1) return;
  log::write(log::Level::warn, "a hard link could not be given to the upper; it is tried again at growing intervals",
             {{"ino", inode.ino}, {"errno", error.value()}});
}

}  // namespace

Status settleHardlinks(OverlayState& state, Settling urgency) {
  Status last = success();
  if (!state.hasUnsettled.load(std::memory_order_acquire)) return last;
  std::vector<InodeRef> todo;
  {
    const std::lock_guard lock(state.unsettledMu);
    todo.swap(state.unsettled);
    state.hasUnsettled.store(false, std::memory_order_relaxed);
  }
  for (const auto& inode : todo) {
    if (urgency == Settling::whenDue && !isDue(state, *inode)) continue;  // the next lookup of a name notes it again
    const auto settled = settleNow(state, inode);
    if (settled.ok()) {
      forgetSettling(state, *inode);
      letGoIfWhole(state, inode);
    } else {
      noteFailure(state, *inode, settled.error());
      last = settled;
    }
  }
  return last;
}

void forgetSettling(OverlayState& state, const Inode& inode) noexcept {
  if (!state.hasUnsettleable.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(state.unsettledMu);
  state.unsettleable.erase(inode.id);
  state.hasUnsettleable.store(!state.unsettleable.empty(), std::memory_order_release);
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

Status giveUpperName(OverlayState& state, const InodeRef& inode, const InodeRef& parent, const CName& name) {
  sys::actAsSelf();
  const auto given = giveName(state, *inode, {parent, name});
  letGoIfWhole(state, inode);
  return given.failsWith(ENOENT) ? success() : given;
}

void keep(OverlayState& state, const InodeRef& inode) {
  const std::lock_guard lock(state.keptMu);
  state.kept.emplace(inode->id, inode);
  state.hasKept.store(true, std::memory_order_release);
}

void stopKeeping(OverlayState& state, const Inode& inode) {
  if (!state.hasKept.load(std::memory_order_acquire)) return;
  InodeRef kept;  // goes after the lock
  const std::lock_guard lock(state.keptMu);
  if (const auto it = state.kept.find(inode.id); it != state.kept.end()) {
    kept = std::move(it->second);
    state.kept.erase(it);
  }
  state.hasKept.store(!state.kept.empty(), std::memory_order_release);
}

void keepInstead(OverlayState& state, const Inode& former, const InodeRef& successor) {
  InodeRef kept;  // goes after the lock
  const std::lock_guard lock(state.keptMu);
  const auto it = state.kept.find(former.id);
  if (it == state.kept.end()) return;
  state.kept.emplace(successor->id, successor);
  kept = std::move(it->second);
  state.kept.erase(it);
}

void letGoIfWhole(OverlayState& state, const InodeRef& inode) {
  if (!inode->inUpper() || !state.hasKept.load(std::memory_order_acquire)) return;
  bool hasName = false;
  uint64_t upperIno = 0;
  {
    const std::lock_guard lock(inode->mu);
    // An orphan's name in the work directory is not counted by the delta.
    const bool unknown = inode->nlinkDelta + (inode->orphanName.empty() ? 0 : 1) > 0;
    if (unknown || std::ranges::any_of(inode->links, [](const Link& link) { return link.state == LinkState::lower; })) return;
    hasName = std::ranges::any_of(inode->links, [](const Link& link) { return link.state != LinkState::gone; });
    upperIno = inode->upperIno;
  }
  // A file without a name has nothing to remember: its real number will be another file's.
  const RealKey key{upperIno, state.stack->upper().rootStat().dev, kUpperLayer};
  if (hasName && inode->ino != composeIno(state, kUpperLayer, upperIno)) state.table.rememberIno(key, inode->ino);
  stopKeeping(state, *inode);
}

}  // namespace unionfs

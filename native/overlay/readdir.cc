#include <dirent.h>

#include "overlay/ino.h"
#include "overlay/listing.h"
#include "overlay/lookup.h"

namespace unionfs {

namespace {

constexpr uint64_t kDotCookie = 1, kDotDotCookie = 2;

// "." and "..", when `cookie` is before them. False when the sink is full.
template <typename Emit>
bool emitDots(Inode& dir, uint64_t cookie, Emit&& emit) {
  if (cookie < kDotCookie && !emit({".", dir.ino, kDotCookie, DT_DIR})) return false;
  if (cookie >= kDotDotCookie) return true;
  const auto link = oneLinkOf(dir);
  return emit({"..", link ? link->parent->ino : dir.ino, kDotDotCookie, DT_DIR});
}

// Loads the index when it is absent, then runs `walk` with the directory held shared.
template <typename Walk>
Status withIndex(OverlayState& state, Inode& dir, Walk&& walk) {
  Status result = success();
  {
    const TreeLock tree(state.renameMu);
    std::shared_lock shared(dir.dir->mu);
    while (!dir.dir->index) {
      shared.unlock();
      {
        const std::unique_lock exclusive(dir.dir->mu);
        TRY(loadIndex(state, dir));
      }
      shared.lock();
    }
    state.listings.stamp(dir.dir->indexUsed);
    result = walk(*dir.dir->index);
  }
  if (state.listings.exceeded()) enforceBudget(state, dir);
  return result;
}

}  // namespace

Status Overlay::readdir(NodeId node, uint64_t cookie, const DirSink& sink) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef dir, state.findDir(node));
  if (dir->dir->removed) return success();
  if (!emitDots(*dir, cookie, sink)) return success();
  return withIndex(state, *dir, [&](const DirIndex& index) -> Status {
    for (const IndexEntry* entry = index.after(std::max(cookie, kDotDotCookie)); entry != nullptr; entry = index.after(entry->cookie)) {
      if (!entry->visible()) continue;
      const Name name = index.nameOf(*entry);
      if (!sink({name, inoOfEntry(state, *dir, *entry, name), entry->cookie, entry->type})) break;
    }
    return success();
  });
}

Status Overlay::readdirPlus(NodeId node, uint64_t cookie, const DirPlusSink& sink) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef dir, state.findDir(node));
  if (dir->dir->removed) return success();
  if (!emitDots(*dir, cookie, [&sink](const DirEntry& entry) { return sink(entry, nullptr); })) return success();
  if (cookie == 0) state.ahead.listingBegins(*dir);
  bool complete = false;
  TRY(withIndex(state, *dir, [&](const DirIndex& index) -> Status {
    for (const IndexEntry* at = index.after(std::max(cookie, kDotDotCookie)); at != nullptr; at = index.after(at->cookie)) {
      if (!at->visible()) continue;
      TRY_ASSIGN(const CName name, CName::of(index.nameOf(*at)));
      auto view = viewName(state, *dir, name);
      if (view.ok() && !view->found) continue;
      auto looked = view.ok() ? entryFor(state, *dir, name, std::move(*view->found)) : Result<Entry>(view.error());
      if (!looked.ok()) {
        // A name that cannot be looked up is still a name.
        if (!sink({name.view(), composeIno(state, at->top, at->ino), at->cookie, at->type}, nullptr)) return success();
        continue;
      }
      const Entry& entry = *looked;
      if (sink({name.view(), entry.attr.ino, at->cookie, at->type}, &entry)) continue;
      state.table.forget(entry.node, 1);
      return success();
    }
    complete = true;
    return success();
  }));
  if (complete) state.ahead.listingEnds(*dir);
  return success();
}

}  // namespace unionfs

// prepare.cc - see prepare.h.
#include "overlay/prepare.h"

#include <dirent.h>

#include <algorithm>
#include <deque>

#include "index/record_store.h"
#include "overlay/listing.h"

namespace unionfs {
namespace {

class Preparation {
 public:
  Preparation(OverlayState& state, PrepareLimits limits) : state_(state), limits_(limits), partsLeft_(limits.parts) {}

  void run() {
    todo_.push_back(state_.root);
    while (!todo_.empty() && !state_.listings.exceeded()) {
      const InodeRef dir = std::move(todo_.front());
      todo_.pop_front();
      for (const CName& name : merge(*dir)) find(*dir, name);
    }
  }

 private:
  // The names of directories in it that are as deep; none when it is not to be merged.
  std::vector<CName> merge(Inode& dir) {
    std::vector<CName> deep;
    const TreeLock tree(state_.renameMu);
    const std::unique_lock lock(dir.dir->mu);
    const DirState& d = *dir.dir;
    if (d.removed || d.layers.size() < limits_.depth || d.layers.size() > partsLeft_ || !isSealed(d)) return deep;
    partsLeft_ -= d.layers.size();
    if (!loadIndex(state_, dir).ok()) return deep;
    for (const IndexEntry* entry = d.index->after(0); entry != nullptr; entry = d.index->after(entry->cookie)) {
      if (entry->type != DT_DIR || entry->top == kUpperLayer || d.index->layersOf(*entry).size() < limits_.depth) continue;
      if (auto name = CName::of(d.index->nameOf(*entry)); name.ok()) deep.push_back(*name);
    }
    return deep;
  }

  bool isSealed(const DirState& d) const {
    return std::ranges::all_of(d.layers, [this](LayerIndex layer) {
      return layer == kUpperLayer || (state_.isSealed(layer) && state_.options.records->complete(layer));
    });
  }

  void find(Inode& dir, const CName& name) {
    const TreeLock tree(state_.renameMu);
    const std::shared_lock lock(dir.dir->mu);
    InodeRef child = childDirectory(state_, dir, name);
    if (!child) return;
    {
      const std::lock_guard guard(state_.preparedMu);
      state_.prepared.emplace(child->id, child);
      state_.hasPrepared.store(true, std::memory_order_release);
    }
    todo_.push_back(std::move(child));
  }

  OverlayState& state_;
  const PrepareLimits limits_;
  size_t partsLeft_;
  std::deque<InodeRef> todo_;
};

}  // namespace

void prepareDeepDirectories(OverlayState& state, PrepareLimits limits) {
  if (state.options.records) Preparation(state, limits).run();
}

void letGoOfPrepared(OverlayState& state, const Inode& inode) {
  if (!state.hasPrepared.load(std::memory_order_acquire)) return;
  InodeRef known;  // goes after the lock
  const std::lock_guard lock(state.preparedMu);
  const auto found = state.prepared.find(inode.id);
  if (found == state.prepared.end()) return;
  known = std::move(found->second);
  state.prepared.erase(found);
  state.hasPrepared.store(!state.prepared.empty(), std::memory_order_release);
}

}  // namespace unionfs

#include "overlay/lookup.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>

#include "base/log.h"
#include "index/record_store.h"
#include "layer/marker.h"
#include "overlay/attr.h"
#include "overlay/hardlink.h"
#include "overlay/ino.h"
#include "overlay/listing.h"
#include "overlay/prepare.h"
#include "overlay/recall.h"
#include "sys/open.h"

namespace unionfs {

namespace {

// What one layer says of a name.
enum class Opinion {
  none,      // nothing: ask the next layer
  whiteout,  // hidden from here down
  file,      // a non-directory: the answer, or the end of a merge
  dir,       // a directory: the start of a merge, or more of one
};

struct LayerAnswer {
  Opinion opinion = Opinion::none;
  sys::Stat stat;
  bool whiteoutFile = false;  // `.wh.NAME` lies beside: nothing below shows
  FdRef asked;                // the directory, when `stat` is from the layer; what is recorded has its data
};

bool isAmong(const std::vector<LayerIndex>& layers, LayerIndex layer) {
  return !layers.empty() && std::ranges::find(layers, layer) != layers.end();
}

bool mayHoldCopies(const Inode& dir, LayerIndex layer) {
  return layer == kUpperLayer ? dir.dir->impure.load() : isAmong(dir.dir->impureLowers, layer);
}

Result<LayerAnswer> askLayer(const Inode& dir, LayerIndex layer, int fd, const CName& name, bool isLast) {
  LayerAnswer answer;
  const At at{fd, name.c_str()};
  const auto stat = sys::stat(at);
  if (!stat.ok() && !meansAbsent(stat.error())) return stat.error();
  if (stat.ok()) {
    answer.stat = *stat;
    answer.opinion = stat->isDir() ? Opinion::dir : Opinion::file;
    bool isWhiteout = marker::isWhiteoutDevice(*stat);
    if (!isWhiteout && isAmong(dir.dir->xattrWhiteoutIn, layer)) {
      TRY_ASSIGN(isWhiteout, marker::isXattrWhiteout(at, *stat));
    }
    if (isWhiteout) answer.opinion = Opinion::whiteout;
  }
  const bool markMatters = (answer.opinion == Opinion::none || answer.opinion == Opinion::dir) && (!isLast || layer == kUpperLayer);
  if (markMatters) {
    TRY_ASSIGN(answer.whiteoutFile, sys::exists({fd, marker::whiteoutFileFor(name.view()).c_str()}));
  }
  return answer;
}

// What lies elsewhere in the layers cannot be left out: a moved directory would look empty, a file read as zeros.
// Linux: namei.c:ovl_lookup(), "refusing to follow ...". The kernel does not remember the answer, so each name is told
// of once.
Errno refuse(OverlayState& state, Inode& dir, LayerIndex layer, const CName& name, const char* what) {
  std::string path = pathOf(dir, name.view());
  if (state.refusals.isNew(path)) log::write(log::Level::warn, what, {{"layer", state.stack->layer(layer).path()}, {"path", path}});
  return Errno(EPERM);
}

Status checkHasData(OverlayState& state, Inode& dir, LayerIndex layer, const sys::Stat& stat, int fd, const CName& name) {
  TRY_ASSIGN(const bool metacopy, marker::isMetacopy({fd, name.c_str()}, stat, mayHoldCopies(dir, layer)));
  if (!metacopy) return success();
  return refuse(state, dir, layer, name, "refusing a file whose data lies in another layer (metacopy)");
}

// The same, with what the layer keeps elsewhere than in the inode.
Result<LayerAnswer> askShown(const OverlayState& state, const Inode& dir, LayerIndex layer, int fd, const CName& name, bool isLast) {
  TRY_ASSIGN(LayerAnswer answer, askLayer(dir, layer, fd, name, isLast));
  if (answer.opinion == Opinion::file || answer.opinion == Opinion::dir) {
    TRY(state.stack->layer(layer).overrides().apply({fd, name.c_str()}, answer.stat));
  }
  return answer;
}

// Asks the record of `dir` in `layer`, else the layer itself.
Result<LayerAnswer> askRecordOrLayer(OverlayState& state, Inode& dir, LayerIndex layer, const CName& name, bool isLast) {
  LayerAnswer answer;
  const DirRecord* record = recordOf(state, dir, layer);
  if (record == nullptr) {
    TRY_ASSIGN(FdRef fd, dirFd(state, dir, layer));
    TRY_ASSIGN(answer, askShown(state, dir, layer, fd->get(), name, isLast));
    answer.asked = std::move(fd);
    return answer;
  }
  const Recalled recalled = recall(state, layer, *record, name.view());
  if (recalled.whiteout) {
    answer.opinion = Opinion::whiteout;
  } else if (recalled.stat) {
    answer.stat = *recalled.stat;
    answer.opinion = answer.stat.isDir() ? Opinion::dir : Opinion::file;
  } else if (recalled.there) {
    TRY_ASSIGN(FdRef fd, dirFd(state, dir, layer));
    TRY_ASSIGN(answer, askShown(state, dir, layer, fd->get(), name, true));
    answer.asked = std::move(fd);
  }
  answer.whiteoutFile = recalled.hidesBelow && !isLast;
  return answer;
}

// Of a directory found in `layer`: from its record, else from itself, which is then left open in `found` if there is room.
Result<marker::DirMarks> marksOf(OverlayState& state, Inode& parent, Resolution& found, LayerIndex layer, const sys::Stat& stat,
                                 const CName& name) {
  if (const DirRecord* record = recordFor(state, layer, stat)) {
    found.records.emplace_back(layer, record);
    const RecordHead& head = record->head();
    // The record of what is impure is not used.
    return marker::DirMarks{
        .opaque = head.opaque, .mayHoldXattrWhiteouts = head.xattrWhiteouts, .impure = false, .redirected = head.redirected};
  }
  TRY_ASSIGN(const FdRef parentFd, dirFd(state, parent, layer));
  const At at{parentFd->get(), name.c_str()};
  const bool mayMerge = layer != parent.dir->layers.back() || layer == kUpperLayer;
  auto fd = sys::open(at, O_RDONLY | O_DIRECTORY);
  if (fd.failsWith(EACCES)) fd = sys::open(at, O_PATH | O_DIRECTORY);
  TRY(fd);
  TRY_ASSIGN(const marker::DirMarks marks, marker::readDirMarks(fd->get(), mayMerge));
  // No more than the cache has room for: a union of hundreds of layers must not take them all for one name.
  if (found.opened.size() < state.options.fdBudget / 4) found.opened.emplace_back(layer, std::make_shared<const Fd>(std::move(*fd)));
  return marks;
}

// Adds a directory of `layer` to the merge; true when an opaque mark ends it.
Result<bool> takeDirectory(OverlayState& state, Inode& parent, Resolution& found, LayerIndex layer, const sys::Stat& stat,
                           const CName& name) {
  if (found.layers.empty()) {
    found.top = layer;
    found.stat = stat;
  } else if (!found.lowerStat && found.top == kUpperLayer) {
    found.lowerStat = stat;
    found.lowerTop = layer;
  }
  found.layers.push_back(layer);
  // Marks speak of what lies below: of the same name, or in a layer below under another (redirect, metacopy).
  if (layer + 1 == state.stack->size() && layer != kUpperLayer) {
    if (const DirRecord* record = recordFor(state, layer, stat)) found.records.emplace_back(layer, record);
    return true;
  }
  TRY_ASSIGN(const marker::DirMarks marks, marksOf(state, parent, found, layer, stat, name));
  if (marks.redirected && !marks.opaque) return refuse(state, parent, layer, name, "refusing a directory that was moved (redirect)");
  if (layer == kUpperLayer) found.impure = marks.impure;
  if (marks.impure && layer != kUpperLayer) found.impureLowers.push_back(layer);
  if (marks.mayHoldXattrWhiteouts && layer != kUpperLayer) found.xattrWhiteoutIn.push_back(layer);
  return marks.opaque;
}

// Walks `layers`, asking each.
Result<NameView> probe(OverlayState& state, Inode& dir, const CName& name, std::span<const LayerIndex> layers) {
  NameView view;
  Resolution found;
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerIndex layer = layers[i];
    const bool isLast = i + 1 == layers.size();
    auto asked = askRecordOrLayer(state, dir, layer, name, isLast);
    if (asked.failsWith(ENOENT) && dir.dir->removed) continue;
    TRY(asked);
    const LayerAnswer& answer = *asked;
    if (layer == kUpperLayer) {
      if (answer.opinion == Opinion::whiteout)
        view.upper = UpperName::whiteoutDevice;
      else if (answer.opinion != Opinion::none)
        view.upper = UpperName::present;
      else if (answer.whiteoutFile)
        view.upper = UpperName::whiteoutFile;
    }
    if (answer.opinion == Opinion::whiteout) break;
    if (answer.opinion == Opinion::file) {
      if (found.layers.empty()) {
        if (answer.asked) TRY(checkHasData(state, dir, layer, answer.stat, answer.asked->get(), name));
        found.top = layer;
        found.stat = answer.stat;
        view.found = std::move(found);
        return view;
      }
      break;
    }
    if (answer.opinion == Opinion::dir) {
      TRY_ASSIGN(const bool ends, takeDirectory(state, dir, found, layer, answer.stat, name));
      if (ends) break;
    }
    if (answer.whiteoutFile) break;
  }
  if (!found.layers.empty()) view.found = std::move(found);
  return view;
}

UpperName upperNameOf(const IndexEntry& entry) {
  if (entry.has(IndexEntry::kInUpper)) return UpperName::present;
  if (entry.has(IndexEntry::kUpperWhiteoutDevice)) return UpperName::whiteoutDevice;
  if (entry.has(IndexEntry::kUpperWhiteoutFile)) return UpperName::whiteoutFile;
  return UpperName::absent;
}

// stat of a name that `layer` is known to have, from its record.
std::optional<sys::Stat> recordedStat(OverlayState& state, Inode& dir, LayerIndex layer, const CName& name) {
  const DirRecord* record = recordOf(state, dir, layer);
  return record == nullptr ? std::nullopt : recall(state, layer, *record, name.view()).stat;
}

// A directory the engine knows, with its top in a sealed layer, where nothing changes but by the engine: asking each layer
// again would take long and find the same. Its layers do not change meanwhile, as that takes the lock of `dir`.
std::optional<Resolution> knownDirectory(OverlayState& state, Inode& dir, const CName& name, const IndexEntry& entry) {
  if (!state.isSealed(entry.top)) return std::nullopt;
  auto stat = recordedStat(state, dir, entry.top, name);
  if (!stat || !stat->isDir()) return std::nullopt;
  const InodeRef known = state.table.findByKey(keyOf(entry.top, *stat));
  if (!known || known->layer.load(std::memory_order_acquire) != entry.top) return std::nullopt;
  Resolution found;
  found.top = entry.top;
  found.stat = *stat;
  found.layers = known->dir->layers;
  found.xattrWhiteoutIn = known->dir->xattrWhiteoutIn;
  found.impureLowers = known->dir->impureLowers;
  return found;
}

// What was read ahead of an entry's file. Another layer, or a number that another file has: it was changed meanwhile.
std::optional<sys::Stat> statAhead(const Inode& dir, const IndexEntry& entry) {
  const auto& ahead = dir.dir->ahead;
  const auto found = std::ranges::lower_bound(ahead, entry.cookie, {}, &StatAhead::cookie);
  if (found == ahead.end() || found->cookie != entry.cookie || found->layer != entry.top || found->stat.ino != entry.ino)
    return std::nullopt;
  return found->stat;
}

// The same from the index: only layers known to have the name are asked.
Result<NameView> viewFromIndex(OverlayState& state, Inode& dir, const CName& name) {
  NameView view;
  const IndexEntry* entry = dir.dir->index->find(name.view());
  if (entry == nullptr) return view;
  view.upper = upperNameOf(*entry);
  if (!entry->visible()) return view;
  if (entry->type == DT_DIR) {
    view.found = knownDirectory(state, dir, name, *entry);
    if (view.found) return view;
    TRY_ASSIGN(NameView probed, probe(state, dir, name, dir.dir->index->layersOf(*entry)));
    view.found = std::move(probed.found);
    return view;
  }
  auto stat = recordedStat(state, dir, entry->top, name);
  if (!stat) stat = statAhead(dir, *entry);
  if (!stat) {
    const auto asked = statOfEntry(state, dir, *entry, name);
    if (!asked.ok()) return meansAbsent(asked.error()) ? Result<NameView>(NameView{}) : asked.error();
    stat = *asked;
  }
  Resolution found;
  found.top = entry->top;
  found.stat = *stat;
  if (stat->isDir()) found.layers = {entry->top};  // somebody changed the layer behind the mount
  view.found = std::move(found);
  return view;
}

std::span<const LayerIndex> lowersOf(const DirState& dir) {
  std::span<const LayerIndex> layers = dir.layers;
  return !layers.empty() && layers.front() == kUpperLayer ? layers.subspan(1) : layers;
}

}  // namespace

RealKey keyOf(LayerIndex layer, const sys::Stat& stat) { return {stat.ino, stat.dev, layer}; }

Result<NameView> viewName(OverlayState& state, Inode& dir, const CName& name) {
  if (marker::isReservedName(name.view())) return NameView{};
  if (dir.dir->index) {
    state.listings.stamp(dir.dir->indexUsed);
    return viewFromIndex(state, dir, name);
  }
  return probe(state, dir, name, dir.dir->layers);
}

Result<sys::Stat> statOfEntry(OverlayState& state, Inode& dir, const IndexEntry& entry, const CName& name) {
  TRY_ASSIGN(const FdRef fd, dirFd(state, dir, entry.top));
  TRY_ASSIGN(const sys::Stat stat, state.stack->layer(entry.top).overrides().stat({fd->get(), name.c_str()}));
  TRY(checkHasData(state, dir, entry.top, stat, fd->get(), name));
  return stat;
}

Result<bool> lowersShow(OverlayState& state, Inode& dir, const CName& name) {
  if (dir.dir->index) {
    const IndexEntry* entry = dir.dir->index->find(name.view());
    return entry != nullptr && entry->has(IndexEntry::kInLower);
  }
  const auto layers = lowersOf(*dir.dir);
  for (size_t i = 0; i < layers.size(); ++i) {
    TRY_ASSIGN(const FdRef fd, dirFd(state, dir, layers[i]));
    TRY_ASSIGN(const LayerAnswer answer, askLayer(dir, layers[i], fd->get(), name, i + 1 == layers.size()));
    if (answer.opinion == Opinion::file || answer.opinion == Opinion::dir) return true;
    if (answer.opinion == Opinion::whiteout || answer.whiteoutFile) return false;
  }
  return false;
}

Result<std::optional<std::pair<LayerIndex, sys::Stat>>> lowerFileOf(OverlayState& state, Inode& dir, const CName& name) {
  const auto layers = lowersOf(*dir.dir);
  for (size_t i = 0; i < layers.size(); ++i) {
    TRY_ASSIGN(const FdRef fd, dirFd(state, dir, layers[i]));
    TRY_ASSIGN(const LayerAnswer answer, askLayer(dir, layers[i], fd->get(), name, i + 1 == layers.size()));
    if (answer.opinion == Opinion::file) return std::optional(std::pair(layers[i], answer.stat));
    if (answer.opinion != Opinion::none || answer.whiteoutFile) break;
  }
  return std::optional<std::pair<LayerIndex, sys::Stat>>();
}

InodeRef knownInode(OverlayState& state, const Resolution& resolution) {
  return state.table.findByKey(keyOf(resolution.top, resolution.stat));
}

namespace {

void describeNewDir(Inode& inode, const Resolution& found) {
  DirState& d = *inode.dir;
  d.layers = found.layers;
  d.known.begin(found.layers);
  for (const auto& [layer, record] : found.records) d.known.of(layer)->settle(record);
  d.xattrWhiteoutIn = found.xattrWhiteoutIn;
  d.impureLowers = found.impureLowers;
  d.hasUpper = found.layers.front() == kUpperLayer;
  d.hasLower = found.layers.back() != kUpperLayer;
  d.merged = found.layers.size() > 1;
  d.impure = found.impure;
}

// Adds the name to the inode's links, once.
void addLink(Inode& dir, Inode& inode, const CName& name, bool inUpper) {
  InodeRef parent = InodeRef::of(dir);
  const std::lock_guard lock(inode.mu);
  for (auto& link : inode.links) {
    if (link.parent == parent && link.name == name.view()) {
      if (inUpper)
        link.state = LinkState::upper;
      else if (link.state == LinkState::gone)
        link.state = LinkState::lower;
      return;
    }
  }
  inode.links.push_back({std::move(parent), std::string(name.view()), inUpper ? LinkState::upper : LinkState::lower});
}

}  // namespace

Result<InodeRef> adopt(OverlayState& state, Inode& dir, const CName& name, Resolution&& found) {
  const RealKey key = keyOf(found.top, found.stat);
  if (InodeRef known = state.table.findByKey(key)) {
    addLink(dir, *known, name, found.top == kUpperLayer);
    return known;
  }
  const uint64_t ino = inoOf(state, dir, name, found);
  auto made = state.table.findOrCreate(key, found.stat.mode, ino, found.top, [&found](Inode& inode) {
    if (inode.isDir()) describeNewDir(inode, found);
    if (found.top == kUpperLayer) inode.upperIno = found.stat.ino;
  });
  for (auto& [layer, fd] : found.opened) state.dirFds.put({made.inode->id, layer}, {std::move(fd), false});
  addLink(dir, *made.inode, name, found.top == kUpperLayer);
  return std::move(made.inode);
}

InodeRef childDirectory(OverlayState& state, Inode& dir, const CName& name) {
  auto view = viewName(state, dir, name);
  if (!view.ok() || !view->found || !view->found->stat.isDir()) return {};
  auto child = adopt(state, dir, name, std::move(*view->found));
  return child.ok() && (*child)->isDir() ? std::move(*child) : InodeRef();
}

Result<Entry> entryFor(OverlayState& state, Inode& dir, const CName& name, Resolution&& found) {
  const sys::Stat stat = found.stat;
  const LayerIndex top = found.top;
  TRY_ASSIGN(const InodeRef inode, adopt(state, dir, name, std::move(found)));
  Entry entry;
  entry.node = inode->id;
  if (inode->layer.load(std::memory_order_acquire) == top) {
    entry.attr = attrOf(state, *inode, stat);
  } else {
    // A hard link whose inode was copied up under another name: its content is the upper's.
    noteUnsettled(state, inode);
    TRY_ASSIGN(const sys::Stat upper, statInode(state, *inode));
    entry.attr = attrOf(state, *inode, upper);
  }
  state.table.countLookup(*inode);
  letGoOfPrepared(state, *inode);
  return entry;
}

Result<MaybeEntry> Overlay::lookup(NodeId parent, Name rawName) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef dir, state.findDir(parent));
  TRY_ASSIGN(const CName name, CName::of(rawName));
  MaybeEntry result;
  {
    const TreeLock tree(state.renameMu);
    std::shared_lock shared(dir->dir->mu);
    if (indexPays(state, *dir)) {
      shared.unlock();
      const std::unique_lock exclusive(dir->dir->mu);
      // An index is a memory, not a condition: without it each layer is asked.
      if (!loadIndex(state, *dir).ok()) dir->dir->readingCost = kUnreadable;
    }
    if (!shared.owns_lock()) shared.lock();
    TRY_ASSIGN(NameView view, viewName(state, *dir, name));
    if (view.found) {
      TRY_ASSIGN(Entry entry, entryFor(state, *dir, name, std::move(*view.found)));
      result = entry;
    }
  }
  if (state.listings.exceeded()) enforceBudget(state, *dir);
  static_cast<void>(settleHardlinks(state));  // logged
  return result;
}

void Overlay::forget(NodeId node, uint64_t count) { state_->table.forget(node, count); }

}  // namespace unionfs

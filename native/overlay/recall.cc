// recall.cc - see recall.h.
#include "overlay/recall.h"

#include <sys/stat.h>

#include "base/log.h"
#include "index/record_store.h"
#include "layer/marker.h"
#include "overlay/acl.h"
#include "overlay/locate.h"
#include "sys/xattr.h"

namespace unionfs {

namespace {

sys::Timespec timespecOf(const RecordTime& time) { return {time.sec, time.nsec}; }

sys::Stat statOf(const OverlayState& state, LayerIndex layer, const DirRecord& record, const RecordedEntry& entry) {
  const RecordedAttr& attr = entry.attr;
  sys::Stat stat;
  stat.dev = state.stack->layer(layer).rootStat().dev;
  stat.mountId = state.stack->layer(layer).rootStat().mountId;
  stat.ino = entry.ino;
  stat.size = attr.size;
  stat.blocks = attr.blocks;
  stat.rdev = attr.rdev;
  stat.mode = attr.mode;
  stat.nlink = attr.nlink;
  stat.uid = attr.uid;
  stat.gid = attr.gid;
  stat.blksize = record.head().blksize;
  stat.attributes = attr.attributes;
  stat.attributesMask = record.head().attributesMask;
  stat.atime = timespecOf(attr.atime);
  stat.mtime = timespecOf(attr.mtime);
  stat.ctime = timespecOf(attr.ctime);
  if (attr.btime) stat.btime = timespecOf(*attr.btime);
  return stat;
}

void noteStale(OverlayState& state, LayerIndex layer) {
  if (!state.options.records->noteStale()) return;
  log::write(log::Level::info, "a layer has changed since it was recorded; what changed is read anew",
             {{"layer", state.stack->layer(layer).path()}});
}

// What the record of its parent has of an inode whose top is in a sealed lower.
std::optional<RecordedEntry> entryOf(OverlayState& state, Inode& inode, const DirRecord*& record) {
  const LayerIndex layer = inode.layer.load(std::memory_order_acquire);
  if (!state.isSealed(layer)) return std::nullopt;
  const auto link = oneLinkOf(inode);
  if (!link) return std::nullopt;
  record = recordOf(state, *link->parent, layer);
  return record == nullptr ? std::nullopt : record->find(link->name);
}

}  // namespace

const DirRecord* recordFor(OverlayState& state, LayerIndex layer, const sys::Stat& directory) {
  if (!state.options.records || layer == kUpperLayer) return nullptr;
  // Records hold what inodes have.
  if (state.stack->layer(layer).overrides()) return nullptr;
  const DirRecord* record = state.options.records->find(layer, directory.ino);
  if (record == nullptr || directory.dev != state.stack->layer(layer).rootStat().dev) return nullptr;
  if (record->head().partsElsewhere) return nullptr;
  // What marks say of a directory of the lowest layer is not asked (lookup.cc), and so its xattr whiteouts mean nothing.
  if (record->head().xattrWhiteouts && layer + 1 == state.stack->size()) return nullptr;
  if (!state.isSealed(layer)) {
    if (record->head().xattrWhiteouts) return nullptr;  // of a seal that no longer holds
    if (!agrees(record->head(), directory)) {
      noteStale(state, layer);
      return nullptr;
    }
  }
  state.options.records->noteUsed();
  return record;
}

const DirRecord* recordOf(OverlayState& state, Inode& dir, LayerIndex layer) {
  if (!state.options.records || layer == kUpperLayer) return nullptr;
  KnownRecords::Slot* slot = dir.dir->known.of(layer);
  if (slot == nullptr) return nullptr;
  if (slot->settled.load(std::memory_order_acquire)) return slot->record.load(std::memory_order_relaxed);
  // Known before the records of its layer came: a stat finds out which one it is.
  if (!state.options.records->has(layer)) return nullptr;
  const auto fd = dirFd(state, dir, layer);
  if (!fd.ok()) return nullptr;
  const auto stat = sys::stat({(*fd)->get(), ""});
  if (!stat.ok()) return nullptr;
  const DirRecord* record = recordFor(state, layer, *stat);
  if (record != nullptr || state.options.records->complete(layer)) slot->settle(record);
  return record;
}

Recalled recall(OverlayState& state, LayerIndex layer, const DirRecord& record, Name name) {
  Recalled answer;
  const auto entry = record.find(name);
  answer.there = entry.has_value();
  answer.hidesBelow = record.head().holdsWhiteoutFiles && record.contains(marker::whiteoutFileFor(name));
  if (!entry) return answer;
  answer.whiteout = entry->whiteout;
  if (record.head().full && state.isSealed(layer)) answer.stat = statOf(state, layer, record, *entry);
  return answer;
}

std::optional<sys::Stat> recallStat(OverlayState& state, Inode& inode) {
  const DirRecord* record = nullptr;
  const auto entry = entryOf(state, inode, record);
  if (!entry) return std::nullopt;
  return statOf(state, inode.layer.load(std::memory_order_acquire), *record, *entry);
}

std::optional<std::string> recallTarget(OverlayState& state, Inode& inode) {
  const DirRecord* record = nullptr;
  auto entry = entryOf(state, inode, record);
  return entry ? std::move(entry->target) : std::nullopt;
}

bool recallNoXattrs(OverlayState& state, Inode& inode) {
  const DirRecord* record = nullptr;
  const auto entry = entryOf(state, inode, record);
  return entry && !entry->attr.hasXattrs;
}

std::optional<Errno> recallMissingXattr(OverlayState& state, Inode& inode, const std::string& xattr) {
  // Names whose absence a list of names tells; others may be made up when they are asked for (security modules do).
  constexpr const char* kUser = "user.";
  constexpr const char* kTrusted = "trusted.";
  const bool isAcl = acl::isName(xattr);
  const bool isKept = isAcl || xattr == "security.capability" || xattr.starts_with(kUser) || xattr.starts_with(kTrusted);
  if (!isKept || !recallNoXattrs(state, inode)) return std::nullopt;
  // Whether the filesystem has this kind at all, its root says.
  const LayerIndex layer = inode.layer.load(std::memory_order_acquire);
  const std::string asked = isAcl || !xattr.starts_with(kUser) ? xattr : "user.unionfs.none";
  return state.options.records->missingXattr(layer, asked.substr(0, asked.find('.')), [&] {
    const auto value = sys::getXattr({state.stack->layer(layer).root(), ""}, asked.c_str());
    return value.ok() ? ENODATA : value.error().value();
  });
}

void replay(const DirRecord& record, DirIndexBuilder& builder) {
  record.forEachBrief([&builder](const DirRecord::Brief& brief) {
    if (marker::isReservedName(brief.name)) {
      if (const auto victim = marker::whiteoutFileVictim(brief.name)) builder.addWhiteoutFile(*victim);
    } else if (brief.whiteout) {
      builder.addWhiteoutDevice(brief.name);
    } else {
      builder.add(brief.name, brief.type, brief.ino);
    }
  });
}

Learner::Learner(OverlayState& state, LayerIndex layer, int fd) : state_(state), layer_(layer) {
  const auto& store = state.options.records;
  if (!store || layer == kUpperLayer || !store->learning() || state.stack->layer(layer).overrides()) return;
  const auto stat = sys::stat({fd, ""});
  if (!stat.ok() || !store->claim(layer, stat->ino)) return;
  maker_.emplace(fd, state.stack->layer(layer).rootStat().dev, RecordMaker::Kind::plain);
  if (!maker_->begin().ok()) maker_.reset();
}

void Learner::finish(Inode& dir) {
  if (!maker_) return;
  auto contents = maker_->finish();
  if (!contents.ok() || !*contents) return;
  if (auto path = pathOf(dir)) {
    state_.options.records->learn({layer_, std::move(*path), encodeDirRecord(std::move(**contents))});
  }
}

}  // namespace unionfs

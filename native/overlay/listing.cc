#include "overlay/listing.h"

#include <dirent.h>

#include <algorithm>
#include <exception>

#include "base/log.h"
#include "layer/marker.h"
#include "overlay/recall.h"
#include "sys/dir.h"

namespace unionfs {

namespace {

// Figures of one machine, in tenths of a microsecond; only their ratios matter.
constexpr uint32_t kProbeCost = 8;  // one failing statx and one test for a whiteout file
constexpr uint32_t kOpenCost = 40;  // open, two getdents, close
constexpr uint32_t kBytesPerUnit = 20;

// What part of the budget a new directory's index may grow to before anybody asked for a list.
constexpr size_t kLargestNewborn = 8;

uint8_t typeOfMode(mode_t mode) { return static_cast<uint8_t>((mode & S_IFMT) >> 12U); }

// Adds one real directory to the index being built.
class LayerReader {
 public:
  LayerReader(DirIndexBuilder& builder, const Overrides& overrides, int fd, bool xattrWhiteouts)
      : builder_(builder), overrides_(overrides), fd_(fd), xattrWhiteouts_(xattrWhiteouts) {}

  void take(const sys::RawEntry& raw) {
    if (!status_.ok()) return;
    const Status taken = add(raw);
    // What went since the directory was read is not there.
    if (!taken.ok() && !meansAbsent(taken.error())) status_ = taken;
  }
  // The first entry that could not be read: left out it might be a whiteout, and what it hides would show.
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  Status add(const sys::RawEntry& raw) {
    if (marker::isReservedName(raw.name)) {
      if (const auto victim = marker::whiteoutFileVictim(raw.name)) builder_.addWhiteoutFile(*victim);
      return success();
    }
    uint8_t type = raw.type;
    if (type == DT_CHR || type == DT_UNKNOWN || (type == DT_REG && (xattrWhiteouts_ || overrides_))) {
      const At at{fd_, raw.name.data()};
      TRY_ASSIGN(sys::Stat stat, sys::stat(at));
      bool isWhiteout = marker::isWhiteoutDevice(stat);
      if (!isWhiteout && xattrWhiteouts_) {
        TRY_ASSIGN(isWhiteout, marker::isXattrWhiteout(at, stat));
      }
      if (isWhiteout) {
        builder_.addWhiteoutDevice(raw.name);
        return success();
      }
      // Only an empty file may stand for something else.
      if (stat.isRegular() && stat.size == 0) static_cast<void>(overrides_.apply(at, stat));  // a name is a name, also with a damaged xattr
      type = typeOfMode(stat.mode);
    }
    builder_.add(raw.name, type, raw.ino);
    return success();
  }

  DirIndexBuilder& builder_;
  const Overrides& overrides_;
  int fd_;
  bool xattrWhiteouts_;
  Status status_ = success();
};

void keepIndex(OverlayState& state, Inode& dir, DirIndex built) {
  DirState& d = *dir.dir;
  auto index = std::make_unique<DirIndex>(std::move(built));
  d.indexBytes = index->bytes();
  state.listings.account(dir.id, d.indexBytes, d.indexUsed);
  d.index = std::move(index);
}

}  // namespace

Status loadIndex(OverlayState& state, Inode& dir) {
  DirState& d = *dir.dir;
  if (d.index) return success();
  DirIndexBuilder builder(d.layers.size());
  for (const LayerIndex layer : d.layers) {
    if (const DirRecord* record = recordOf(state, dir, layer)) {
      builder.beginLayer(layer, false);
      replay(*record, builder);
      continue;
    }
    const auto fd = dirFd(state, dir, layer);
    if (fd.failsWith(ENOENT) && layer == kUpperLayer) continue;  // removed while open: nothing is left in it
    TRY(fd);
    builder.beginLayer(layer, layer == kUpperLayer);
    const bool xattrWhiteouts = std::ranges::find(d.xattrWhiteoutIn, layer) != d.xattrWhiteoutIn.end();
    LayerReader reader(builder, state.stack->layer(layer).overrides(), (*fd)->get(), xattrWhiteouts);
    Learner learner(state, layer, (*fd)->get());
    const auto read = sys::readDir((*fd)->get(), [&](const sys::RawEntry& raw) {
      reader.take(raw);
      learner.take(raw);
    });
    if (!read.ok()) return read.failsWith(EBADF) ? Errno(EACCES) : read.error();
    TRY(reader.status());
    learner.finish(dir);
  }
  keepIndex(state, dir, builder.finish());
  return success();
}

void beginIndex(OverlayState& state, Inode& dir) noexcept {
  try {
    DirIndexBuilder builder(1);
    builder.beginLayer(kUpperLayer, true);
    keepIndex(state, dir, builder.finish());
    dir.dir->indexFromBirth = true;
  } catch (const std::exception&) {
    dropIndex(state, dir);  // it is a memory, not a condition
  }
}

namespace {

uint32_t estimateReading(OverlayState& state, Inode& dir) {
  uint32_t cost = 0;
  for (const LayerIndex layer : dir.dir->layers) {
    if (const DirRecord* record = recordOf(state, dir, layer)) {
      cost += static_cast<uint32_t>(record->count());
      continue;
    }
    cost += kOpenCost;
    const auto fd = dirFd(state, dir, layer);
    const auto stat = fd.ok() ? sys::stat({(*fd)->get(), ""}) : Result<sys::Stat>(fd.error());
    // An ext4 directory has at least one block of 4096 bytes, mostly empty.
    if (stat.ok()) cost += static_cast<uint32_t>((stat->size == 4096 ? 256 : stat->size) / kBytesPerUnit);
  }
  return cost;
}

}  // namespace

bool indexPays(OverlayState& state, Inode& dir) {
  DirState& d = *dir.dir;
  if (d.index || d.layers.size() < 2) return false;
  const uint32_t probe = static_cast<uint32_t>(d.layers.size()) * kProbeCost;
  const uint32_t probed = d.probed.fetch_add(probe, std::memory_order_relaxed);
  if (d.readingCost == 0) d.readingCost = estimateReading(state, dir);
  return d.readingCost != kUnreadable && d.readingCost <= probed + 4 * probe;
}

void enforceBudget(OverlayState& state, const Inode& inUse) {
  const TreeLock tree(state.renameMu);
  for (const NodeId victim : state.listings.victims(inUse.id)) {
    const auto inode = state.table.find(victim);
    if (!inode.ok()) continue;  // it went meanwhile, and its index with it
    const std::unique_lock lock((*inode)->dir->mu, std::try_to_lock);
    if (!lock) continue;
    dropIndex(state, **inode);
    (*inode)->dir->probed = 0;
  }
}

void dropIndex(OverlayState& state, Inode& dir) noexcept {
  dir.dir->index.reset();
  dir.dir->indexFromBirth = false;
  state.listings.drop(dir.id);
}

namespace {

void remember(OverlayState& state, Inode& dir, Name name, const IndexEntry& facts, std::span<const LayerIndex> layers) noexcept {
  DirState& d = *dir.dir;
  try {
    d.index->put(name, facts, layers);
    const size_t bytes = d.index->bytes();
    if (bytes == d.indexBytes) return;
    state.listings.account(dir.id, bytes, d.indexUsed);
    d.indexBytes = bytes;
    if (d.indexFromBirth && bytes > state.options.listingBytes / kLargestNewborn) dropIndex(state, dir);
  } catch (const std::exception& error) {
    dropIndex(state, dir);
    log::write(log::Level::warn, "a directory's index is dropped", {{"node", dir.id}, {"why", error.what()}});
  }
}

}  // namespace

void indexPresent(OverlayState& state, Inode& dir, Name name, mode_t type, uint64_t realIno, bool lowerShows,
                  std::span<const LayerIndex> layers) {
  DirState& d = *dir.dir;
  if (!d.index) return;
  IndexEntry facts;
  facts.top = kUpperLayer;
  facts.type = typeOfMode(type);
  facts.ino = realIno;
  facts.flags = IndexEntry::kInUpper;
  facts.set(IndexEntry::kInLower, lowerShows);
  if (const IndexEntry* known = d.index->find(name); known != nullptr && layers.size() > 1) {
    facts.lowerIno = known->lowerIno != 0 ? known->lowerIno : known->ino;
    facts.lowerTop = known->lowerIno != 0 ? known->lowerTop : known->top;
  }
  remember(state, dir, name, facts, layers);
}

void indexRemoved(OverlayState& state, Inode& dir, Name name, WhiteoutForm form, bool whiteout, bool lowerShows) {
  DirState& d = *dir.dir;
  if (!d.index) return;
  IndexEntry facts;
  facts.set(IndexEntry::kInLower, lowerShows);
  facts.set(IndexEntry::kUpperWhiteoutDevice, whiteout && form == WhiteoutForm::device);
  facts.set(IndexEntry::kUpperWhiteoutFile, whiteout && form == WhiteoutForm::file);
  remember(state, dir, name, facts, {});
}

}  // namespace unionfs

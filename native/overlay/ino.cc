#include "overlay/ino.h"

#include <dirent.h>

#include <algorithm>
#include <bit>

#include "layer/marker.h"
#include "overlay/lookup.h"
#include "sys/handle.h"

namespace unionfs {

namespace {

// The filesystem's index fills the top byte; with more filesystems than that counts, more of the top.
// Linux: fs/overlayfs/super.c:ovl_get_layers(), xino_mode.
constexpr unsigned kFilesystemShift = 56;

// The inode number of the lower file a copy was made of: the file of the same name when its handle is the origin,
// else whatever the handle leads to (the copy was renamed), where we may open handles. A lower with several names is no
// origin: the names that were not copied still show its number.
std::optional<uint64_t> originIno(OverlayState& state, Inode& dir, const CName& name) {
  const auto upperDir = dirFd(state, dir, kUpperLayer);
  if (!upperDir.ok()) return std::nullopt;
  const auto origin = marker::readOrigin({(*upperDir)->get(), name.c_str()});
  if (!origin) return std::nullopt;
  const auto lower = lowerFileOf(state, dir, name);
  if (lower.ok() && lower->has_value()) {
    const auto& [layer, stat] = **lower;
    if (const auto fd = dirFd(state, dir, layer); fd.ok()) {
      const auto handle = sys::fileHandle({(*fd)->get(), name.c_str()});
      if (handle.ok() && *handle == *origin) return stat.nlink == 1 ? std::optional(composeIno(state, layer, stat.ino)) : std::nullopt;
    }
  }
  if (!state.canOpenByHandle) return std::nullopt;
  std::vector<bool> asked(state.stack->filesystems());
  for (LayerIndex layer = 1; layer < state.stack->size(); ++layer) {
    const Layer& candidate = state.stack->layer(layer);
    if (asked[candidate.filesystem()]) continue;
    asked[candidate.filesystem()] = true;
    const auto fd = sys::openByHandle(candidate.root(), *origin);
    if (!fd.ok()) continue;
    if (const auto stat = sys::stat({fd->get(), ""}); stat.ok() && stat->nlink == 1) return composeIno(state, layer, stat->ino);
  }
  return std::nullopt;
}

}  // namespace

uint64_t composeIno(size_t filesystems, size_t filesystem, uint64_t realIno) {
  if (filesystems == 1) return realIno;
  const uint64_t index = filesystem + 1;
  const unsigned shift = std::min(kFilesystemShift, 64U - static_cast<unsigned>(std::bit_width(uint64_t{filesystems})));
  if (realIno >> shift == 0) return index << shift | realIno;
  // Filesystems that use the top bits themselves are rare; spread their numbers instead.
  return (realIno * 0x9e3779b97f4a7c15ULL) ^ index;
}

uint64_t composeIno(const OverlayState& state, LayerIndex layer, uint64_t realIno) {
  if (state.options.shortInos) return realIno & 0xffff'ffffU;
  return composeIno(state.stack->filesystems(), state.stack->layer(layer).filesystem(), realIno);
}

uint64_t inoOf(OverlayState& state, Inode& dir, const CName& name, const Resolution& found) {
  if (found.stat.isDir()) {
    if (found.lowerStat) return composeIno(state, found.lowerTop, found.lowerStat->ino);
    return composeIno(state, found.top, found.stat.ino);
  }
  if (found.top == kUpperLayer) {
    if (const auto hint = state.table.rememberedIno(keyOf(found.top, found.stat))) return *hint;
    if (dir.dir->impure) {
      if (const auto origin = originIno(state, dir, name)) return *origin;
    }
  }
  return composeIno(state, found.top, found.stat.ino);
}

uint64_t inoOfEntry(OverlayState& state, Inode& dir, const IndexEntry& entry, Name rawName) {
  const bool mergedDir = entry.type == DT_DIR && entry.lowerIno != 0;
  const bool maybeCopy = entry.type != DT_DIR && entry.top == kUpperLayer && dir.dir->impure;
  if (mergedDir || maybeCopy) {
    // An opaque mark or an origin may decide the number: only a look at the file tells.
    if (const auto name = CName::of(rawName); name.ok()) {
      const auto view = viewName(state, dir, *name);
      if (view.ok() && view->found) {
        if (const InodeRef known = knownInode(state, *view->found)) return known->ino;
        return inoOf(state, dir, *name, *view->found);
      }
    }
  }
  if (entry.top == kUpperLayer) {
    // What the engine knows of the file wins: it may have taken another's place on disk and kept its number.
    const RealKey key{entry.ino, state.stack->upper().rootStat().dev, kUpperLayer};
    if (const InodeRef known = state.table.findByKey(key)) return known->ino;
  }
  return composeIno(state, entry.top, entry.ino);
}

}  // namespace unionfs

// locate.h - from an inode to the real file behind it.
#pragma once

#include <array>
#include <cstring>
#include <optional>

#include "overlay/state.h"
#include "sys/stat.h"

namespace unionfs {

// A name as C calls want it. ENAMETOOLONG above NAME_MAX, which every layer would answer too.
class CName {
 public:
  static Result<CName> of(Name name) {
    if (name.size() >= sizeof bytes_) return Errno(ENAMETOOLONG);
    CName c;
    std::memcpy(c.bytes_.data(), name.data(), name.size());
    c.bytes_[name.size()] = '\0';
    c.size_ = static_cast<uint16_t>(name.size());
    return c;
  }
  [[nodiscard]] const char* c_str() const { return bytes_.data(); }
  [[nodiscard]] Name view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 256> bytes_;
  uint16_t size_ = 0;
};

// Where a real file is; keeps the directory open.
struct Place {
  FdRef dir;
  std::string name;  // empty: `dir` is the file itself
  [[nodiscard]] At at() const { return {dir->get(), name.c_str()}; }
};

// All functions here need renameMu held, shared or exclusive, so that no ancestor moves.

// The real directory of `dir` in `layer`, open for reading (O_PATH where we may not read it).
Result<FdRef> dirFd(OverlayState& state, Inode& dir, LayerIndex layer);

// The inode that has the names of `inode` now, if they were given to another (giveNewIdentity).
InodeRef successorOf(Inode& inode);

// The top real file of an inode. ESTALE when no name or descriptor leads to it any more.
Result<Place> placeOf(OverlayState& state, Inode& inode);

// Runs `use(At)` on what should be the top real file, again when the name was moved away between finding and using it.
// Meanwhile the name may have come to mean another file of the upper: `use` must see to that.
template <typename Use>
auto withName(OverlayState& state, Inode& inode, Use&& use) -> decltype(use(At{})) {
  for (int attempt = 0;; ++attempt) {
    auto place = placeOf(state, inode);
    if (!place.ok()) return place.error();
    auto result = use(place->at());
    if (result.ok() || !meansAbsent(result.error()) || attempt == 2) return result;
  }
}

// The upper's file of an inode, where its data is open already; null otherwise. It needs no name to be the right one.
FdRef openUpperFile(OverlayState& state, const Inode& inode);

// ENOENT unless `named`, what a name in the upper was seen to mean, is the file of the inode.
Status requireStill(Inode& inode, const sys::Stat& named);
// A file of the upper at `at`, opened O_PATH, if it is that of the inode: ENOENT.
Result<Fd> openIfStill(Inode& inode, At at);

// Runs `use(At)` on the top real file and no other.
template <typename Use>
auto withPlace(OverlayState& state, Inode& inode, Use&& use) -> decltype(use(At{})) {
  if (const FdRef file = openUpperFile(state, inode)) return use({file->get(), ""});
  return withName(state, inode, [&](At at) -> decltype(use(At{})) {
    // Names of a lower do not change, and a descriptor means one file.
    if (at.isSelf() || !inode.inUpper()) return use(at);
    TRY_ASSIGN(const Fd file, openIfStill(inode, at));
    return use({file.get(), ""});
  });
}

// Runs `use(Layer, At)` on the top real file, again when it was copied up meanwhile: in another layer names and owners may be
// kept in another way.
template <typename Use>
auto withTop(OverlayState& state, Inode& inode, Use&& use) -> decltype(use(std::declval<const Layer&>(), At{})) {
  for (;;) {
    const LayerIndex layer = inode.layer.load(std::memory_order_acquire);
    auto result = withPlace(state, inode, [&](At at) { return use(state.stack->layer(layer), at); });
    if (inode.layer.load(std::memory_order_acquire) == layer) return result;
  }
}

// stat of the top real file as its layer shows it; a name that meanwhile means another file is not taken for it.
Result<sys::Stat> statInode(OverlayState& state, Inode& inode);

// A directory of the union as a path from its root, which is empty; nullopt when it has no name any more. A directory that a
// lower has is never renamed, so its path is the same there.
std::optional<std::string> pathOf(Inode& dir);
// A name of the union as such a path, for people.
std::string pathOf(Inode& dir, Name name);

}  // namespace unionfs

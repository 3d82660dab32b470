#include "overlay/locate.h"

#include <fcntl.h>

#include <algorithm>

#include "sys/open.h"

namespace unionfs {

namespace {

FdRef layerRoot(const OverlayState& state, LayerIndex layer) { return {state.stack, &state.stack->layer(layer).rootFd()}; }

Result<Fd> openDirectory(int base, const std::string& path) {
  auto fd = sys::openDirectoryBeneath(base, path, O_RDONLY);
  if (fd.failsWith(EACCES)) return sys::openDirectoryBeneath(base, path, O_PATH);
  return fd;
}

// The way from an open ancestor down to a directory, nearest name last.
struct Descent {
  FdRef base;
  std::vector<std::string> names;  // deepest first
};

Result<Descent> descentTo(OverlayState& state, Inode& dir, LayerIndex layer) {
  Descent descent;
  InodeRef current = InodeRef::of(dir);
  for (;;) {
    if (current->id == kRootNode) {
      descent.base = layerRoot(state, layer);
      return descent;
    }
    if (auto cached = state.dirFds.get({current->id, layer}); cached.fd) {
      descent.base = std::move(cached.fd);
      return descent;
    }
    InodeRef parent;
    {
      const std::lock_guard lock(current->mu);
      if (layer == kUpperLayer && current->pin) {
        descent.base = current->pin;
        return descent;
      }
      if (current->links.empty()) return Errno(ESTALE);
      descent.names.push_back(current->links.front().name);
      parent = current->links.front().parent;
    }
    current = std::move(parent);
  }
}

}  // namespace

Result<FdRef> dirFd(OverlayState& state, Inode& dir, LayerIndex layer) {
  TRY_ASSIGN(Descent descent, descentTo(state, dir, layer));
  if (descent.names.empty()) return std::move(descent.base);
  std::string path;
  for (size_t i = descent.names.size(); i-- > 0;) path.append(descent.names[i]).append(i == 0 ? "" : "/");
  TRY_ASSIGN(Fd opened, openDirectory(descent.base->get(), path));
  FdRef fd = std::make_shared<const Fd>(std::move(opened));
  state.dirFds.put({dir.id, layer}, {fd, false});
  return fd;
}

InodeRef successorOf(Inode& inode) {
  if (!inode.hasTwin.load()) return {};
  const std::lock_guard lock(inode.mu);
  return inode.successor;
}

Result<Place> placeOf(OverlayState& state, Inode& inode) {
  const LayerIndex layer = inode.layer.load(std::memory_order_acquire);
  if (inode.isDir()) {
    TRY_ASSIGN(FdRef fd, dirFd(state, inode, layer));
    return Place{std::move(fd), {}};
  }
  InodeRef parent;
  std::string name;
  {
    const std::lock_guard lock(inode.mu);
    if (layer == kUpperLayer) {
      if (inode.pin) return Place{inode.pin, {}};
      if (!inode.orphanName.empty()) return Place{FdRef(state.stack, &state.work().directory()), inode.orphanName};
    }
    const auto fits = [layer](const Link& link) { return layer != kUpperLayer || link.state == LinkState::upper; };
    const auto link = std::find_if(inode.links.begin(), inode.links.end(), fits);
    if (link == inode.links.end()) return Errno(ESTALE);
    parent = link->parent;
    name = link->name;
  }
  TRY_ASSIGN(FdRef fd, dirFd(state, *parent, layer));
  return Place{std::move(fd), std::move(name)};
}

std::optional<std::string> pathOf(Inode& dir) {
  std::string path;
  for (InodeRef current = InodeRef::of(dir); current->id != kRootNode;) {
    auto link = oneLinkOf(*current);
    if (!link) return std::nullopt;
    path = path.empty() ? link->name : link->name + "/" + path;
    current = std::move(link->parent);
  }
  return path;
}

FdRef openUpperFile(OverlayState& state, const Inode& inode) {
  if (!inode.isRegular() || !inode.inUpper()) return nullptr;
  const CachedFd data = state.dataFds.get({inode.id, 0});
  // A lower's file may be in the cache for a moment after the copy-up.
  return data.ofUpper ? data.fd : nullptr;
}

Status requireStill(Inode& inode, const sys::Stat& named) {
  const std::lock_guard lock(inode.mu);
  if (named.ino != inode.upperIno) return Errno(ENOENT);
  return success();
}

Result<Fd> openIfStill(Inode& inode, At at) {
  TRY_ASSIGN(Fd file, sys::open(at, O_PATH));
  TRY_ASSIGN(const sys::Stat stat, sys::stat({file.get(), ""}));
  TRY(requireStill(inode, stat));
  return file;
}

std::string pathOf(Inode& dir, Name name) {
  const auto above = pathOf(dir);
  return above && !above->empty() ? *above + "/" + std::string(name) : std::string(name);
}

Result<sys::Stat> statInode(OverlayState& state, Inode& inode) {
  if (state.keepsOwners) return withTop(state, inode, [](const Layer& layer, At at) { return layer.overrides().stat(at); });
  if (const FdRef file = openUpperFile(state, inode)) return sys::stat({file->get(), ""});
  return withName(state, inode, [&inode](At at) -> Result<sys::Stat> {
    TRY_ASSIGN(const sys::Stat stat, sys::stat(at));
    if (inode.inUpper() && !inode.isDir()) TRY(requireStill(inode, stat));
    return stat;
  });
}

}  // namespace unionfs

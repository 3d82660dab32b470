// backing.cc - opening and releasing backings.
#include "fuse/backing.h"

#include "base/log.h"

namespace unionfs {
namespace {

abi::OpenOut passthroughOpen(int32_t id) {
  // Without KEEP_CACHE: the kernel refuses the two together.
  return {.fh = handle::kPassthrough, .open_flags = abi::fopen::kPassthrough, .backing_id = id};
}

// Holds nothing. A program's open that gets it of a node with a backing ends with EIO (fuse_file_io_open).
abi::OpenOut openOfNothing() { return {.fh = handle::kNone, .open_flags = 0, .backing_id = 0}; }

bool isKernelsOwn(OpenFlags flags) { return !flags.writes() && (static_cast<uint32_t>(flags.raw) & abi::kLargeFile) == 0; }

abi::OpenOut cachedOpen() { return {.fh = handle::kCached, .open_flags = abi::fopen::kKeepCache, .backing_id = 0}; }

}  // namespace

std::optional<abi::OpenOut> BackingMap::tryShare(NodeId node, OpenFlags flags) {
  const std::lock_guard lock(mu_);
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return std::nullopt;
  Node& entry = found->second;
  if (entry.backed == 0 || (flags.writes() && entry.onLower)) return std::nullopt;
  ++entry.backed;
  return passthroughOpen(entry.id);
}

// A copy-up between openData and the announcement would leave the kernel with a lower that is no longer the node's
// data; once announced, the engine gives such a copy-up a new node instead. So a lower is asked for twice.
Result<DataFd> BackingMap::openAnnounced(const Caller& caller, NodeId node, OpenFlags flags) {
  TRY_ASSIGN(DataFd data, overlay_.openData(caller, node, flags));
  if (!data.onLower) return data;
  overlay_.lowerBackingOpened(node);
  auto again = overlay_.openData(caller, node, flags);
  if (!again || !again->onLower) overlay_.lowerBackingClosed(node);
  return again;
}

abi::OpenOut BackingMap::adopt(NodeId node, int32_t id, bool onLower) {
  bool surplus = true;
  abi::OpenOut out;
  {
    const std::lock_guard lock(mu_);
    Node& entry = nodes_[node];
    if (entry.cached > 0) {
      ++entry.cached;
      out = cachedOpen();
    } else {
      // Another open may have registered the node first; then its id is the one.
      if (entry.id == 0) {
        entry.id = id;
        entry.onLower = onLower;
        surplus = false;
      }
      ++entry.backed;
      out = passthroughOpen(entry.id);
    }
  }
  if (surplus) giveBack(node, id, onLower);
  return out;
}

abi::OpenOut BackingMap::openWithout(NodeId node) {
  const std::lock_guard lock(mu_);
  Node& entry = nodes_[node];
  if (entry.backed > 0) {  // by another open meanwhile
    ++entry.backed;
    return passthroughOpen(entry.id);
  }
  ++entry.cached;
  return cachedOpen();
}

bool BackingMap::isCached(NodeId node) const {
  const std::lock_guard lock(mu_);
  const auto found = nodes_.find(node);
  return found != nodes_.end() && found->second.cached > 0;
}

Result<abi::OpenOut> BackingMap::open(const Caller& caller, NodeId node, OpenFlags flags) {
  const Status allowed = overlay_.mayOpen(node, flags);
  if (allowed.failsWith(ESTALE) && isKernelsOwn(flags)) return openOfNothing();
  TRY(allowed);
  if (auto shared = tryShare(node, flags)) return *shared;
  TRY_ASSIGN(const DataFd data, openAnnounced(caller, node, flags));
  if (!isCached(node)) {
    const auto id = sys::backingOpen(device_.fd(), *data.fd);
    if (id) return adopt(node, *id, data.onLower);
    log::write(log::Level::debug, "passthrough refused", {{"node", node}, {"errno", id.error().value()}});
  }
  if (data.onLower) overlay_.lowerBackingClosed(node);
  return openWithout(node);
}

void BackingMap::release(NodeId node, uint64_t fileHandle) {
  if (fileHandle != handle::kPassthrough && fileHandle != handle::kCached) return;
  int32_t unused = 0;
  bool onLower = false;
  {
    const std::lock_guard lock(mu_);
    const auto found = nodes_.find(node);
    if (found == nodes_.end()) return;
    Node& entry = found->second;
    uint32_t& count = fileHandle == handle::kPassthrough ? entry.backed : entry.cached;
    if (count == 0) return;
    --count;
    onLower = entry.onLower;
    if (entry.backed == 0) unused = std::exchange(entry.id, 0);
    if (entry.backed == 0 && entry.cached == 0) nodes_.erase(found);
  }
  if (unused != 0) giveBack(node, unused, onLower);
}

void BackingMap::giveBack(NodeId node, int32_t id, bool onLower) {
  const Status closed = sys::backingClose(device_.fd(), id);
  if (!closed) log::write(log::Level::warn, "backing id not given back", {{"errno", closed.error().value()}});
  if (onLower) overlay_.lowerBackingClosed(node);
}

size_t BackingMap::size() const {
  const std::lock_guard lock(mu_);
  size_t count = 0;
  for (const auto& [node, entry] : nodes_) count += entry.id != 0 ? 1 : 0;
  return count;
}

}  // namespace unionfs

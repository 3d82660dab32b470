// backing.cc - opening and releasing backings.
#include "fuse/backing.h"

#include <sys/stat.h>

#include "base/log.h"

namespace unionfs {
namespace {

abi::OpenOut passthroughOpen(int32_t id) {
  // Without KEEP_CACHE: the kernel refuses the two together.
  return {.fh = handle::kPassthrough, .open_flags = abi::fopen::kPassthrough, .backing_id = id};
}

abi::OpenOut cachedOpen() { return {.fh = handle::kCached, .open_flags = abi::fopen::kKeepCache, .backing_id = 0}; }

abi::OpenOut directOpen() { return {.fh = handle::kDirect, .open_flags = abi::fopen::kDirectIo, .backing_id = 0}; }

// A write through passthrough runs with the server's rights and leaves these bits; a write that comes to the server
// says that they must go.
bool losesPrivilegesOnWrite(const Attr& attr) { return (attr.mode & (S_ISUID | S_ISGID)) != 0; }

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
  overlay_.backingOpened(node, data.onLower);
  if (!data.onLower) return data;
  auto again = overlay_.openData(caller, node, flags);
  if (again && again->onLower) return again;
  overlay_.backingClosed(node);
  if (again) overlay_.backingOpened(node, again->onLower);
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
  if (surplus) {
    closeId(id);
    overlay_.backingClosed(node);
  }
  return out;
}

abi::OpenOut BackingMap::openWithout(NodeId node) {
  const std::lock_guard lock(mu_);
  Node& entry = nodes_[node];
  if (entry.backed > 0) return directOpen();  // the page cache is barred while others pass through
  ++entry.cached;
  return cachedOpen();
}

bool BackingMap::isCached(NodeId node) const {
  const std::lock_guard lock(mu_);
  const auto found = nodes_.find(node);
  return found != nodes_.end() && found->second.cached > 0;
}

Result<abi::OpenOut> BackingMap::open(const Caller& caller, NodeId node, OpenFlags flags) {
  if (flags.writes()) {
    TRY_ASSIGN(const Attr attr, overlay_.getattr(node));
    if (losesPrivilegesOnWrite(attr)) {
      TRY(overlay_.openData(caller, node, flags));  // copies up, or tells to look up again
      auto shared = tryShare(node, flags);
      if (!shared) return directOpen();
      // A node with a backing takes no open without it; DIRECT_IO still sends reads and writes to the server.
      shared->open_flags |= abi::fopen::kDirectIo;
      return *shared;
    }
  }
  if (auto shared = tryShare(node, flags)) return *shared;
  TRY_ASSIGN(const DataFd data, openAnnounced(caller, node, flags));
  if (!isCached(node)) {
    const auto id = sys::backingOpen(device_.fd(), *data.fd);
    if (id) return adopt(node, *id, data.onLower);
    log::write(log::Level::debug, "passthrough refused", {{"node", node}, {"errno", id.error().value()}});
  }
  overlay_.backingClosed(node);
  return openWithout(node);
}

void BackingMap::release(NodeId node, uint64_t fileHandle) {
  if (fileHandle != handle::kPassthrough && fileHandle != handle::kCached) return;
  int32_t unused = 0;
  {
    const std::lock_guard lock(mu_);
    const auto found = nodes_.find(node);
    if (found == nodes_.end()) return;
    Node& entry = found->second;
    uint32_t& count = fileHandle == handle::kPassthrough ? entry.backed : entry.cached;
    if (count == 0) return;
    --count;
    if (entry.backed == 0) unused = std::exchange(entry.id, 0);
    if (entry.backed == 0 && entry.cached == 0) nodes_.erase(found);
  }
  if (unused == 0) return;
  closeId(unused);
  overlay_.backingClosed(node);
}

void BackingMap::closeId(int32_t id) const {
  const Status closed = sys::backingClose(device_.fd(), id);
  if (!closed) log::write(log::Level::warn, "backing id not given back", {{"errno", closed.error().value()}});
}

size_t BackingMap::size() const {
  const std::lock_guard lock(mu_);
  size_t count = 0;
  for (const auto& [node, entry] : nodes_) count += entry.id != 0 ? 1 : 0;
  return count;
}

}  // namespace unionfs

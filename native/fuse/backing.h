// backing.h - passthrough: which inodes the kernel reads and writes directly, and through which backing id.
//
// All opens of one node must share one backing id, so it is counted here and given back with the last release. A node
// that could not be registered is served through the kernel's page cache instead, and stays so until its last release:
// the kernel does not mix the two on one inode.
#pragma once

#include <mutex>
#include <optional>
#include <unordered_map>

#include "fuse/abi.h"
#include "fuse/channel.h"
#include "overlay/overlay.h"

namespace unionfs {

// Handles tell RELEASE what the open was; they carry nothing else.
namespace handle {
inline constexpr uint64_t kNone = 0;         // the open was never reported, or holds nothing
inline constexpr uint64_t kPassthrough = 1;  // holds a share of the node's backing id
inline constexpr uint64_t kCached = 2;       // goes through the page cache because registering failed
}  // namespace handle

class BackingMap {
 public:
  // Borrows both.
  BackingMap(Overlay& overlay, const Channel& device) : overlay_(overlay), device_(device) {}

  // Opens a node's data for one more open file. ESTALE: look the name up again.
  Result<abi::OpenOut> open(const Caller& caller, NodeId node, OpenFlags flags);
  void release(NodeId node, uint64_t fileHandle);

  // Backing ids held at present.
  [[nodiscard]] size_t size() const;

 private:
  struct Node {
    int32_t id = 0;        // 0: not registered
    bool onLower = false;  // what `id` stands for
    uint32_t backed = 0;   // opens that share `id`
    uint32_t cached = 0;   // opens through the page cache
  };

  // An answer from what is registered already, if that serves these flags.
  std::optional<abi::OpenOut> tryShare(NodeId node, OpenFlags flags);
  Result<DataFd> openAnnounced(const Caller& caller, NodeId node, OpenFlags flags);
  abi::OpenOut adopt(NodeId node, int32_t id, bool onLower);
  abi::OpenOut openWithout(NodeId node);
  [[nodiscard]] bool isCached(NodeId node) const;
  void giveBack(NodeId node, int32_t id, bool onLower);

  Overlay& overlay_;
  const Channel& device_;
  mutable std::mutex mu_;                   // a leaf: no system call and no engine call inside
  std::unordered_map<NodeId, Node> nodes_;  // guarded by mu_
};

}  // namespace unionfs

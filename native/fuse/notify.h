// notify.h - tells the kernel that something it remembers is no longer true.
//
// The kernel handles a notification before the write returns, and may need answers of this server to do so (it
// writes dirty pages back first). Never call these from a thread whose absence would leave nobody to read.
#pragma once

#include <cstdint>

#include "fuse/channel.h"
#include "overlay/types.h"

namespace unionfs {

class Notifier {
 public:
  // Borrows the channel.
  explicit Notifier(const Channel& channel) : channel_(channel) {}

  // Drops attributes and the pages of [offset, offset + length), dirty ones after writing them back; length 0: to the
  // end. Success too when the kernel does not know the node.
  Status invalidateData(NodeId node, uint64_t offset, uint64_t length) const;
  // Drops attributes and ACLs only.
  Status invalidateAttributes(NodeId node) const;

 private:
  Status notify(int32_t code, std::span<const std::byte> body) const;
  const Channel& channel_;
};

}  // namespace unionfs

// notify.cc - the notification messages.
#include "fuse/notify.h"

#include <array>
#include <limits>

#include "fuse/abi.h"

namespace unionfs {
namespace {

template <typename T>
std::span<const std::byte> bytesOf(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

constexpr uint64_t kLargest = std::numeric_limits<int64_t>::max();

}  // namespace

Status Notifier::notify(int32_t code, std::span<const std::byte> body) const {
  const abi::OutHeader header{.len = static_cast<uint32_t>(sizeof(abi::OutHeader) + body.size()), .error = code, .unique = 0};
  const std::array<iovec, 2> parts{partOf(bytesOf(header)), partOf(body)};
  const Status sent = channel_.send(parts);
  if (sent.failsWith(ENOENT)) return success();
  return sent;
}

Status Notifier::invalidateData(NodeId node, uint64_t offset, uint64_t length) const {
  if (offset > kLargest) return Errno(EINVAL);
  const uint64_t bounded = length > kLargest - offset ? 0 : length;
  const abi::NotifyInvalInodeOut body{.ino = node, .off = static_cast<int64_t>(offset), .len = static_cast<int64_t>(bounded)};
  return notify(abi::kNotifyInvalInode, bytesOf(body));
}

Status Notifier::invalidateAttributes(NodeId node) const {
  const abi::NotifyInvalInodeOut body{.ino = node, .off = -1, .len = 0};
  return notify(abi::kNotifyInvalInode, bytesOf(body));
}

}  // namespace unionfs

// device.h - the system calls on /dev/fuse and on the socket pair that stands in for it in tests.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/result.h"
#include "sys/fd.h"

namespace unionfs::sys {

// A new, unconnected device.
Result<Fd> openFuseDevice();
// A second descriptor of the same connection with a processing queue of its own: a reply must be written to the
// descriptor that its request was read from.
Result<Fd> cloneFuseDevice(const Fd& device);
// Two ends that carry whole messages.
Result<std::pair<Fd, Fd>> messageSocketPair();

// One message; waits for it. 0 at the end of a socket.
Result<size_t> readMessage(const Fd& fd, std::span<std::byte> into);
// One message, written whole or not at all.
Status writeMessage(const Fd& fd, std::span<const iovec> parts);
// False when nothing can be read within the time.
Result<bool> waitReadable(const Fd& fd, int milliseconds);
// True when the kernel has ended the connection, or does so within the time. A thread that waits here is woken by every
// request of the connection.
Result<bool> waitConnectionEnd(const Fd& device, int milliseconds);

// Registers an open file as the backing of passthrough. The descriptor may be closed afterwards.
Result<int32_t> backingOpen(const Fd& device, const Fd& file);
Status backingClose(const Fd& device, int32_t backingId);

// Zeroed pages that take no memory before they are touched.
class PageBuffer {
 public:
  static Result<PageBuffer> allocate(size_t size);
  PageBuffer() = default;
  PageBuffer(PageBuffer&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  PageBuffer& operator=(PageBuffer&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  PageBuffer(const PageBuffer&) = delete;
  PageBuffer& operator=(const PageBuffer&) = delete;
  ~PageBuffer();

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit PageBuffer(std::span<std::byte> bytes) : bytes_(bytes) {}
  std::span<std::byte> bytes_;
};

}  // namespace unionfs::sys

// channel.h - carries whole messages between the kernel and one serving thread.
//
// Either a descriptor of /dev/fuse or one end of a socket pair whose other end plays the kernel in tests.
#pragma once

#include <span>

#include "base/result.h"
#include "sys/device.h"

namespace unionfs {

// A part of a message to send; the bytes are only read.
inline iovec partOf(std::span<const std::byte> bytes) {
  return {.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
}

class Channel {
 public:
  enum class Kind {
    device,  // /dev/fuse
    socket,  // a fake kernel at the other end
  };

  struct Received {
    enum class State {
      message,  // `size` bytes arrived
      retry,    // nothing, but there may be more: a signal, or a request that was taken back
      ended,    // there is no mount any more
    };
    State state = State::retry;
    size_t size = 0;
    Errno error{0};
  };

  Channel() = default;
  Channel(Fd fd, Kind kind) : fd_(std::move(fd)), kind_(kind) {}

  // Waits for one message.
  [[nodiscard]] Received receive(std::span<std::byte> into) const;
  // Sends one message, whole. ENOENT: nobody waits for it any more.
  [[nodiscard]] Status send(std::span<const iovec> parts) const { return sys::writeMessage(fd_, parts); }
  // Another channel of the same connection. Replies go to the channel their request came from.
  [[nodiscard]] Result<Channel> clone() const;

  [[nodiscard]] const Fd& fd() const { return fd_; }
  explicit operator bool() const { return static_cast<bool>(fd_); }

 private:
  Fd fd_;
  Kind kind_ = Kind::device;
};

}  // namespace unionfs

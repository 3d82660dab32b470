// channel.cc - reading from the device, and what its errors mean.
#include "fuse/channel.h"

#include "sys/open.h"

namespace unionfs {

Channel::Received Channel::receive(std::span<std::byte> into) const {
  const auto size = sys::readMessage(fd_, into);
  if (size.ok()) {
    if (*size == 0) return {.state = Received::State::ended, .error = Errno(ENODEV)};
    return {.state = Received::State::message, .size = *size};
  }
  switch (size.error().value()) {
    case EINTR:
    case EAGAIN:
    case ENOENT:  // the request was interrupted before it could be read
      return {.state = Received::State::retry};
    default:  // ENODEV: unmounted; ECONNABORTED: aborted
      return {.state = Received::State::ended, .error = size.error()};
  }
}

Result<Channel> Channel::clone() const {
  if (kind_ == Kind::device) {
    auto fd = sys::cloneFuseDevice(fd_);
    if (fd) return Channel(std::move(*fd), kind_);
    // Where the device cannot be opened again (fusermount3 gave us ours), threads share one queue.
  }
  TRY_ASSIGN(Fd fd, sys::duplicate(fd_.get()));
  return Channel(std::move(fd), kind_);
}

}  // namespace unionfs

// device.cc - the calls of device.h.
#include "sys/device.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace unionfs::sys {
namespace {

struct BackingMap {
  int32_t fd;
  uint32_t flags;
  uint64_t padding;
};

constexpr unsigned kMagic = 229;
constexpr unsigned long kClone = _IOR(kMagic, 0, uint32_t);
constexpr unsigned long kBackingOpen = _IOW(kMagic, 1, BackingMap);
constexpr unsigned long kBackingClose = _IOW(kMagic, 2, uint32_t);

}  // namespace

Result<Fd> openFuseDevice() {
  const int fd = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (fd < 0) return Errno::last();
  return Fd(fd);
}

Result<Fd> cloneFuseDevice(const Fd& device) {
  TRY_ASSIGN(Fd clone, openFuseDevice());
  auto source = static_cast<uint32_t>(device.get());
  if (::ioctl(clone.get(), kClone, &source) != 0) return Errno::last();
  return clone;
}

Result<std::pair<Fd, Fd>> messageSocketPair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return Errno::last();
  return std::pair<Fd, Fd>(Fd(ends[0]), Fd(ends[1]));
}

Result<size_t> readMessage(const Fd& fd, std::span<std::byte> into) {
  const ssize_t count = ::read(fd.get(), into.data(), into.size());
  if (count < 0) return Errno::last();
  return static_cast<size_t>(count);
}

Status writeMessage(const Fd& fd, std::span<const iovec> parts) {
  const ssize_t count = ::writev(fd.get(), parts.data(), static_cast<int>(parts.size()));
  if (count < 0) return Errno::last();
  return success();
}

Result<bool> waitReadable(const Fd& fd, int milliseconds) {
  pollfd entry{.fd = fd.get(), .events = POLLIN, .revents = 0};
  const int count = ::poll(&entry, 1, milliseconds);
  if (count < 0) return Errno::last();
  return count > 0;
}

// POLLERR needs no asking for.
Result<bool> waitConnectionEnd(const Fd& device, int milliseconds) {
  pollfd one{.fd = device.get(), .events = 0, .revents = 0};
  const int ready = ::poll(&one, 1, milliseconds);
  if (ready < 0 && errno != EINTR) return Errno::last();
  return ready > 0;
}

Result<int32_t> backingOpen(const Fd& device, const Fd& file) {
  BackingMap map{.fd = file.get(), .flags = 0, .padding = 0};
  const int id = ::ioctl(device.get(), kBackingOpen, &map);
  if (id < 0) return Errno::last();
  return id;
}

Status backingClose(const Fd& device, int32_t backingId) {
  auto id = static_cast<uint32_t>(backingId);
  if (::ioctl(device.get(), kBackingClose, &id) != 0) return Errno::last();
  return success();
}

Result<PageBuffer> PageBuffer::allocate(size_t size) {
  void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return Errno::last();
  return PageBuffer(std::span(static_cast<std::byte*>(at), size));
}

PageBuffer::~PageBuffer() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace unionfs::sys

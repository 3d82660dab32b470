#include "sys/handle.h"

#include <fcntl.h>
#include <linux/types.h>
#include <sys/ioctl.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace unionfs::sys {

namespace {

// file_handle(2) with room for the largest handle the kernel makes.
struct Buffer {
  alignas(file_handle) std::array<std::byte, sizeof(file_handle) + MAX_HANDLE_SZ> bytes{};
  file_handle* handle() { return reinterpret_cast<file_handle*>(bytes.data()); }
};

// struct fsuuid2 of linux/fs.h (6.9).
struct FsUuid {
  uint8_t length;
  uint8_t bytes[16];
};
constexpr unsigned long kGetFsUuid = _IOR(0x15, 0, FsUuid);

}  // namespace

Result<FileHandle> fileHandle(At at) {
  Buffer buffer;
  buffer.handle()->handle_bytes = MAX_HANDLE_SZ;
  int mountId = 0;
  const int flags = at.isSelf() ? AT_EMPTY_PATH : 0;
  if (::name_to_handle_at(at.dir, at.name, buffer.handle(), &mountId, flags) < 0) {
    return errno == EOVERFLOW ? Errno(EOPNOTSUPP) : Errno::last();
  }
  const auto* bytes = reinterpret_cast<const char*>(buffer.handle()->f_handle);
  return FileHandle{buffer.handle()->handle_type, std::string(bytes, buffer.handle()->handle_bytes)};
}

Result<Fd> openByHandle(int mountFd, const FileHandle& handle) {
  if (handle.bytes.size() > MAX_HANDLE_SZ) return Errno(ESTALE);
  Buffer buffer;
  buffer.handle()->handle_bytes = static_cast<unsigned>(handle.bytes.size());
  buffer.handle()->handle_type = handle.type;
  std::memcpy(buffer.handle()->f_handle, handle.bytes.data(), handle.bytes.size());
  const int raw = ::open_by_handle_at(mountFd, buffer.handle(), O_PATH | O_CLOEXEC);
  if (raw < 0) return Errno::last();
  return Fd(raw);
}

std::string filesystemUuid(int fd) {
  FsUuid uuid{};
  if (::ioctl(fd, kGetFsUuid, &uuid) < 0 || uuid.length != sizeof uuid.bytes) return std::string(16, '\0');
  return std::string(reinterpret_cast<const char*>(uuid.bytes), sizeof uuid.bytes);
}

}  // namespace unionfs::sys

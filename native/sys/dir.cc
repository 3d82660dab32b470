#include "sys/dir.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <memory>

#include "sys/fault.h"
#include "sys/stat.h"

namespace unionfs::sys {

namespace {

// linux_dirent64 as getdents64(2) lays it out.
struct KernelEntry {
  uint64_t ino;
  int64_t offset;
  uint16_t length;
  uint8_t type;
  char name[1];
};

constexpr size_t kBufferSize = 64 << 10;

bool isDotOrDotDot(const char* name) { return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0')); }

}  // namespace

Status readDir(int fd, const std::function<void(const RawEntry&)>& visit) {
  if (::lseek(fd, 0, SEEK_SET) < 0) return Errno::last();
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kBufferSize);
  for (;;) {
    READ_FAULT_POINT("getdents64");
    const long size = ::syscall(SYS_getdents64, fd, buffer.get(), kBufferSize);
    if (size < 0) return Errno::last();
    if (size == 0) return success();
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const KernelEntry*>(buffer.get() + at);
      const char* name = reinterpret_cast<const char*>(entry) + offsetof(KernelEntry, name);
      at += entry->length;
      if (!isDotOrDotDot(name)) visit({std::string_view(name, std::strlen(name)), entry->ino, entry->type});
    }
  }
}

Result<bool> isDirectory(int fd, const RawEntry& entry) {
  if (entry.type != DT_UNKNOWN) return entry.type == DT_DIR;
  TRY_ASSIGN(const Stat found, stat({fd, entry.name.data()}));
  return found.isDir();
}

}  // namespace unionfs::sys

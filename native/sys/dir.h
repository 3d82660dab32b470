// dir.h - reading one real directory with few system calls.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "sys/fd.h"

namespace unionfs::sys {

// One record of getdents64(2). `name` is NUL-terminated behind its end and lives until the callback returns.
struct RawEntry {
  std::string_view name;
  uint64_t ino = 0;
  uint8_t type = 0;  // DT_*; DT_UNKNOWN where the filesystem does not say
};

// Calls `visit` for each entry but "." and "..", from the start. `fd` is open for reading, not O_PATH, and used by
// nobody else meanwhile (its offset moves).
Status readDir(int fd, const std::function<void(const RawEntry&)>& visit);
// Of an entry of the directory `fd`: asks only where its type does not tell.
Result<bool> isDirectory(int fd, const RawEntry& entry);

}  // namespace unionfs::sys

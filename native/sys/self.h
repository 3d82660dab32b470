// self.h - this process as others find it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace unionfs::sys {

pid_t ownPid();
// In clock ticks after boot (proc_pid_stat(5), field 22); together with the pid it names a process for ever.
Result<std::string> ownStartTime();
// "pid:[4026531836]"; kind: "pid", "mnt", ...
Result<std::string> ownNamespace(const char* kind);
// The user outside of a user namespace (user_namespaces(7), uid_map).
uid_t outerUid();
// How many files may be open at a time.
uint64_t openFilesLimit();

struct MemoryUse {
  uint64_t residentBytes = 0;
  std::optional<uint64_t> ownShareBytes;  // proportional set size, where the kernel tells it
};
MemoryUse ownMemory();

}  // namespace unionfs::sys

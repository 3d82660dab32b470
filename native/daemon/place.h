// place.h - where a directory lies, as far as tells whether it overlaps with another.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "sys/fd.h"

namespace unionfs::daemon {

using FileId = std::pair<dev_t, uint64_t>;  // device and inode

struct Place {
  std::string path;  // resolved
  Fd directory;
  FileId id{};
  uint64_t mountId = 0;
  uint64_t filesystem = 0;  // its type, a number of linux/magic.h
  std::set<FileId> above;   // the directories it lies in
};

// "DEVICE:INODE", both decimal, as the list of live mounts has it.
std::string identityOf(const FileId& id);

// Looks at the directories of one request; remembers those above, which layers share.
class PlaceFinder {
 public:
  // Nothing when there is no such directory, the kernel does not tell its mount (before Linux 5.8), or its path is no plain text: not
  // UTF-8, or with control characters.
  std::optional<Place> find(const std::string& path);

 private:
  std::map<std::string, std::optional<FileId>> known_;
};

// Neither is, or lies in, the other. Two mounts of one filesystem may show the same directory at places of which neither
// lies in the other: that is not sure. (One btrfs has many device numbers.)
bool surelyApart(const Place& one, const Place& other);

}  // namespace unionfs::daemon

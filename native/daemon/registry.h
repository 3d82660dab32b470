// registry.h - this mount in the list of live mounts, where `status` and `umount` look for it.
//
// The list is TypeScript's (src/mount/registry.ts): one JSON file and one control socket for each mount, in a directory
// nobody else can write. What is written here is read there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace unionfs::daemon {

// Those that exist and are fit for use.
std::vector<std::string> registriesToRead();

// The files of one mount; removed with it.
class RegistryEntry {
 public:
  // Makes the directory when it is missing. EACCES when no candidate is fit.
  static Result<RegistryEntry> reserve();
  RegistryEntry(RegistryEntry&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  RegistryEntry& operator=(RegistryEntry&&) = delete;
  ~RegistryEntry();

  [[nodiscard]] std::string socketPath() const { return path_ + ".sock"; }
  // Appears whole or not at all.
  [[nodiscard]] Status publish(std::string_view record) const;

 private:
  explicit RegistryEntry(std::string path) : path_(std::move(path)) {}
  std::string path_;  // without the ending
};

}  // namespace unionfs::daemon

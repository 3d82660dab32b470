// layer.h - one directory of the stack, opened once and reached by descriptor from then on.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "layer/override_stat.h"
#include "sys/fd.h"
#include "sys/stat.h"

namespace unionfs {

class Layer {
 public:
  // A lower is taken as a private read-only clone where the host lets us (`isClone`); else, and for an upper, as it is.
  static Result<std::unique_ptr<Layer>> open(const std::string& path, bool isLower);

  // The root directory, open for reading.
  [[nodiscard]] int root() const { return root_.get(); }
  [[nodiscard]] const Fd& rootFd() const { return root_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const sys::Stat& rootStat() const { return stat_; }
  // A directory below the root, to be read whole: open for reading, and without moving its access time where that is ours to
  // choose.
  [[nodiscard]] Result<Fd> openDirectory(std::string_view path) const;
  // The path of an entry of the directory `path`, both as openDirectory() takes them.
  static std::string pathBelow(const std::string& path, std::string_view name);
  [[nodiscard]] bool isClone() const { return isClone_; }
  // 16 bytes; zeros where the filesystem has no uuid.
  [[nodiscard]] const std::string& uuid() const { return uuid_; }
  // Distinguishes the filesystems of a stack; layers on one filesystem share it.
  [[nodiscard]] unsigned filesystem() const { return filesystem_; }
  void setFilesystem(unsigned index) { filesystem_ = index; }
  // The mount the layer was reached through maps owners already (an idmapped mount): what it shows is what users see.
  [[nodiscard]] bool ownersAreMapped() const { return ownersAreMapped_; }
  void setOwnersMapped() { ownersAreMapped_ = true; }
  // Where the layer keeps owners, modes and types.
  [[nodiscard]] const Overrides& overrides() const { return overrides_; }
  void setOverrides(OverrideKind kind) { overrides_ = Overrides(kind, stat_.uid); }

 private:
  Layer() = default;
  std::string path_;
  Fd root_;
  sys::Stat stat_;
  std::string uuid_;
  Overrides overrides_;
  unsigned filesystem_ = 0;
  bool isClone_ = false;
  bool ownersAreMapped_ = false;
};

}  // namespace unionfs

// override_stat.h - owner, mode and type of a file kept in an xattr of it, where its inode cannot have them: on filesystems
// without owners, and for daemons that may not give files away. Read and written here alone.
//
// A layer whose root has the xattr keeps them so, in all of its files, under the name the root has. The form is that of
// fuse-overlayfs and of container storage (force_mask): `UID:GID:MODE[:TYPE]`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/stat.h"

namespace unionfs {

// Which xattr it is.
enum class OverrideKind {
  none,           // inodes have what is shown
  privileged,     // security.fuseoverlayfs.override_stat: only root may set it, on files of every type
  containers,     // user.containers.override_stat: whoever may write the file; not on symlinks and devices
  fuseoverlayfs,  // user.fuseoverlayfs.override_stat: the same under an older name
};

struct OverrideStat {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t mode = 0;  // 07777
  mode_t type = 0;  // S_IFMT bits of the device, fifo or socket an empty regular file stands for; 0: the file is what it is
  dev_t rdev = 0;
  friend bool operator==(const OverrideStat&, const OverrideStat&) = default;
};

std::string encodeOverride(const OverrideStat& stat);
// nullopt: not of this form. What follows the type is not looked at.
std::optional<OverrideStat> decodeOverride(std::string_view value);

// How one layer keeps owners.
class Overrides {
 public:
  Overrides() = default;  // none
  Overrides(OverrideKind kind, uid_t rootOwner);
  // By what the layer's root has. `rootOwner` owns it.
  static Result<Overrides> ofRoot(int root, uid_t rootOwner);

  [[nodiscard]] OverrideKind kind() const { return kind_; }
  explicit operator bool() const { return kind_ != OverrideKind::none; }

  // stat of `at` as it is shown. EINVAL: its xattr is damaged.
  [[nodiscard]] Result<sys::Stat> stat(At at) const;
  // The same, where the inode's own is known.
  Status apply(At at, sys::Stat& stat) const;
  // Keeps owner, mode and type of `shown` for `at`: first in the xattr, which is one step, then the inode is made one that
  // this process can open. A symlink that cannot have the xattr is given away, if that is allowed.
  Status write(At at, const sys::Stat& shown) const;

  // What takes the place of a new node of this mode in the layer: a regular file for devices, fifos and sockets.
  [[nodiscard]] mode_t realMode(mode_t mode) const;

  // marker::visibleXattrName and its contrary in this layer, which has more names of its own.
  [[nodiscard]] std::optional<std::string> visibleXattrName(std::string_view stored) const;
  [[nodiscard]] std::string storedXattrName(std::string_view visible) const;

 private:
  [[nodiscard]] bool believes(const OverrideStat& kept, const sys::Stat& real) const;

  OverrideKind kind_ = OverrideKind::none;
  uid_t self_ = 0;
  uid_t rootOwner_ = 0;
};

}  // namespace unionfs

// mount.h - puts a connection into the mount table and takes it out again.
#pragma once

#include <memory>
#include <string>

#include "fuse/channel.h"
#include "fuse/session.h"

namespace unionfs {

// A place in the mount table. Destroying it while it is there unmounts it lazily.
class MountPoint {
 public:
  // Directly where that is allowed, else through fusermount3. The mount hangs until INIT is answered on the channel.
  static std::unique_ptr<MountPoint> mount(const MountOptions& options, Channel& channel, MountError& error);
  ~MountPoint();
  MountPoint(const MountPoint&) = delete;
  MountPoint& operator=(const MountPoint&) = delete;

  // EBUSY while it is in use or another mount lies above it, unless `lazy`. EINVAL: it is not there any more.
  Status unmount(bool lazy);
  // Somebody else took it out.
  void forget() { present_ = false; }

  [[nodiscard]] uint64_t connection() const { return connection_; }
  [[nodiscard]] bool viaHelper() const { return viaHelper_; }

 private:
  MountPoint(std::string path, bool viaHelper);
  [[nodiscard]] bool isOnTop() const;

  std::string path_;
  bool viaHelper_;
  bool present_ = true;
  uint64_t connection_ = 0;
};

}  // namespace unionfs

// mounting.h - the system calls that put a FUSE connection into the mount table and take it out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/fd.h"

namespace unionfs::sys {

struct FuseMountRequest {
  std::string mountpoint;  // absolute
  std::string source;
  std::string subtype;
  bool readOnly = false, allowOther = false, allowDev = false, allowSuid = false, noatime = false, allowExec = true;
};

// mount(2) of an open device. EPERM without the privilege.
Status mountFuse(const Fd& device, const FuseMountRequest& request);

// What fusermount3 said when it failed.
struct HelperFailure {
  Errno error{EIO};
  std::string detail;
};

// Asks fusermount3 to mount; gives the connected device. ENOENT: there is no such program.
Result<Fd> mountThroughHelper(const FuseMountRequest& request, HelperFailure& failure);
// fusermount3 -u, lazily with -z.
Status unmountThroughHelper(const std::string& mountpoint, bool lazy, HelperFailure& failure);

// umount2(2).
Status unmount(const std::string& mountpoint, bool lazy);

// The filesystem that is on top at a path, as "MAJOR:MINOR" and type, by the mount table alone: the filesystem is not asked.
struct MountEntry {
  uint32_t deviceMajor = 0, deviceMinor = 0;
  std::string type;
};
std::optional<MountEntry> topMountAt(const std::string& mountpoint);

// Upper and work directories of the kernel overlayfs mounts in this mount namespace, as whoever mounted them wrote them.
std::vector<std::string> kernelOverlayWrites();

// Whether any mount in this mount namespace shows its filesystem with mapped owners (mount_setattr(2), MOUNT_ATTR_IDMAP).
// In doubt, yes.
bool anyMountIsIdmapped();

// How far the kernel reads ahead on connection N. Needs the right to write to /sys.
Status setReadahead(uint64_t connection, unsigned kib);
// This mount namespace's table of mounts, to be waited on.
Result<Fd> openMountTable();
// True when the table has changed since the last call, or changes within the time.
Result<bool> waitMountTableChange(const Fd& table, int milliseconds);

// Ends connection N as if the server had died. Needs fusectl mounted at its usual place.
Status abortConnection(uint64_t connection);

}  // namespace unionfs::sys

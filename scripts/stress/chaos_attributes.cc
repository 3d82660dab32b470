// chaos_attributes.cc - shared operations on modes, owners, times, xattrs, ACLs, and everything that only asks.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstring>
#include <iterator>

#include "chaos.h"

namespace {

constexpr const char* kAttributes[] = {"user.one", "user.two", "trusted.one"};

// The wire form of an ACL: a version, then tag, permissions and id of each entry.
struct AclEntry {
  uint16_t tag;
  uint16_t permissions;
  uint32_t id;
};
struct Acl {
  uint32_t version;
  AclEntry entries[5];
};

constexpr uint32_t kNoId = 0xffffffff;

// Opened with O_PATH, so that no kind of file is woken by looking at it.
std::string pathOf(const Fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

}  // namespace

int Chaos::changeMode() { return errnoOf(fchmodat(root_, anyPath().c_str(), static_cast<mode_t>(0400 | rng_.below(010000)), 0)); }

int Chaos::changeOwner() {
  const uid_t uid = rng_.oneIn(2) ? 1234 : 0;
  const gid_t gid = rng_.oneIn(2) ? static_cast<gid_t>(-1) : 50;
  return errnoOf(fchownat(root_, anyPath().c_str(), uid, gid, AT_SYMLINK_NOFOLLOW));
}

int Chaos::changeTimes() {
  const long kinds[] = {UTIME_NOW, UTIME_OMIT, 123456789};
  const timespec times[2] = {{1000000000 + rng_.below(1000), kinds[rng_.below(3)]}, {1000000000 + rng_.below(1000), kinds[rng_.below(3)]}};
  return errnoOf(utimensat(root_, anyPath().c_str(), times, AT_SYMLINK_NOFOLLOW));
}

int Chaos::setAttribute() {
  const Fd fd(openat(root_, anyPath().c_str(), O_PATH | O_CLOEXEC));
  if (!fd.valid()) return errno;
  const std::string value(rng_.below(120), 'v');
  constexpr int kFlags[] = {0, 0, XATTR_CREATE, XATTR_REPLACE};
  return errnoOf(
      setxattr(pathOf(fd).c_str(), kAttributes[rng_.below(std::size(kAttributes))], value.data(), value.size(), kFlags[rng_.below(4)]));
}

int Chaos::getAttribute() {
  const Fd fd(openat(root_, anyPath().c_str(), O_PATH | O_CLOEXEC));
  if (!fd.valid()) return errno;
  char value[64];
  return errnoOf(getxattr(pathOf(fd).c_str(), kAttributes[rng_.below(std::size(kAttributes))], value, rng_.below(sizeof value)));
}

int Chaos::listAttributes() {
  const Fd fd(openat(root_, anyPath().c_str(), O_PATH | O_CLOEXEC));
  if (!fd.valid()) return errno;
  char names[256];
  return errnoOf(listxattr(pathOf(fd).c_str(), names, rng_.below(sizeof names)));
}

int Chaos::removeAttribute() {
  const Fd fd(openat(root_, anyPath().c_str(), O_PATH | O_CLOEXEC));
  if (!fd.valid()) return errno;
  return errnoOf(removexattr(pathOf(fd).c_str(), kAttributes[rng_.below(std::size(kAttributes))]));
}

int Chaos::setAcl() {
  const Fd fd(openat(root_, anyPath().c_str(), O_PATH | O_CLOEXEC));
  if (!fd.valid()) return errno;
  const auto permissions = static_cast<uint16_t>(rng_.below(8));
  // Owner, user 1234, group, mask, others: ascending tags, as the format demands.
  const Acl acl{2, {{0x01, 7, kNoId}, {0x02, permissions, 1234}, {0x04, 5, kNoId}, {0x10, 7, kNoId}, {0x20, 4, kNoId}}};
  const char* name = rng_.oneIn(3) ? "system.posix_acl_default" : "system.posix_acl_access";
  if (rng_.oneIn(4)) return errnoOf(removexattr(pathOf(fd).c_str(), name));
  return errnoOf(setxattr(pathOf(fd).c_str(), name, &acl, sizeof acl, 0));
}

int Chaos::statEverything() {
  const std::string path = anyPath();
  struct statx all {};
  struct statfs space {};
  switch (rng_.below(4)) {
    case 0:
      return errnoOf(statx(root_, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC, STATX_ALL, &all));
    case 1: {
      const Fd fd(openat(root_, path.c_str(), O_PATH | O_CLOEXEC));
      return fd.valid() ? errnoOf(fstatfs(fd.get(), &space)) : errno;
    }
    case 2:
      return errnoOf(faccessat(root_, path.c_str(), R_OK | W_OK, 0));
    default:
      return errnoOf(statx(root_, path.c_str(), AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_BTIME, &all));
  }
}

int Chaos::fileFlags() {
  const int fd = borrowDescriptor(O_RDONLY);
  if (fd < 0) return errno;
  int flags = 0;
  const int error = errnoOf(ioctl(fd, FS_IOC_GETFLAGS, &flags));
  return error == EBADF ? EINVAL : error;
}

int Chaos::fileHandle() {
  alignas(file_handle) char memory[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
  auto* handle = reinterpret_cast<file_handle*>(memory);
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  return errnoOf(name_to_handle_at(root_, anyPath().c_str(), handle, &mount, 0));
}

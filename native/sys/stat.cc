#include "sys/stat.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sys/fault.h"

namespace unionfs::sys {

namespace {

Timespec timespecOf(const statx_timestamp& t) { return {t.tv_sec, t.tv_nsec}; }

Stat statOf(const struct statx& x) {
  Stat s;
  s.dev = makedev(x.stx_dev_major, x.stx_dev_minor);
  s.ino = x.stx_ino;
  s.size = x.stx_size;
  s.blocks = x.stx_blocks;
  s.mountId = x.stx_mnt_id;
  s.rdev = makedev(x.stx_rdev_major, x.stx_rdev_minor);
  s.mode = x.stx_mode;
  s.nlink = x.stx_nlink;
  s.uid = x.stx_uid;
  s.gid = x.stx_gid;
  s.blksize = x.stx_blksize;
  s.attributes = x.stx_attributes;
  s.attributesMask = x.stx_attributes_mask;
  s.atime = timespecOf(x.stx_atime);
  s.mtime = timespecOf(x.stx_mtime);
  s.ctime = timespecOf(x.stx_ctime);
  if (x.stx_mask & STATX_BTIME) s.btime = timespecOf(x.stx_btime);
  return s;
}

}  // namespace

Result<Stat> stat(At at) {
  READ_FAULT_POINT("statx");
  struct statx x {};
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (at.isSelf() ? AT_EMPTY_PATH : 0);
  constexpr unsigned kMask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;
  if (::statx(at.dir, at.name, flags, kMask, &x) < 0) return Errno::last();
  return statOf(x);
}

Result<FsStat> statFs(int fd) {
  struct statfs s {};
  if (::fstatfs(fd, &s) < 0) return Errno::last();
  FsStat out;
  out.type = static_cast<uint64_t>(s.f_type);
  out.blocks = s.f_blocks;
  out.bfree = s.f_bfree;
  out.bavail = s.f_bavail;
  out.files = s.f_files;
  out.ffree = s.f_ffree;
  out.bsize = static_cast<uint32_t>(s.f_bsize);
  out.frsize = static_cast<uint32_t>(s.f_frsize);
  out.namelen = static_cast<uint32_t>(s.f_namelen);
  return out;
}

Result<bool> exists(At at) {
  READ_FAULT_POINT("faccessat");
  if (::faccessat(at.dir, at.name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) return true;
  const Errno error = Errno::last();
  return meansAbsent(error) ? Result<bool>(false) : error;
}

Result<uint32_t> getFlags(int fd) {
  int flags = 0;
  if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) return Errno::last();
  return static_cast<uint32_t>(flags);
}

Status setFlags(int fd, uint32_t flags) {
  FAULT_POINT("ioctl FS_IOC_SETFLAGS");
  int value = static_cast<int>(flags);
  if (::ioctl(fd, FS_IOC_SETFLAGS, &value) < 0) return Errno::last();
  return success();
}

}  // namespace unionfs::sys

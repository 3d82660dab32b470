// owned_attributes.cc - operations of a worker on modes, owners, times, xattrs and locks of its own files.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstring>

#include "owned.h"
#include "report.h"

void OwnedArea::changeMode() {
  const Place place = anyFile();
  if (!place.file) return endOperation(ENOENT, place.path.c_str());
  // No set-id bits: the next write rightly takes them away again.
  const mode_t mode = static_cast<mode_t>(rng_.below(01000));
  if (fchmodat(root_, place.path.c_str(), mode, 0) != 0) fail(place.path.c_str(), "chmod: %s", std::strerror(errno));
  place.file->mode = mode;
  verifyFile(place.path, *place.file);
  endOperation(0, place.path.c_str());
}

void OwnedArea::changeOwner() {
  const Place place = anyFile();
  if (!place.file) return endOperation(ENOENT, place.path.c_str());
  const uid_t uid = rng_.below(3000);
  if (fchownat(root_, place.path.c_str(), uid, static_cast<gid_t>(-1), AT_SYMLINK_NOFOLLOW) != 0)
    fail(place.path.c_str(), "chown: %s", std::strerror(errno));
  place.file->uid = uid;
  verifyFile(place.path, *place.file);
  endOperation(0, place.path.c_str());
}

void OwnedArea::changeTimes() {
  const Place place = anyFile();
  if (!place.file) return endOperation(ENOENT, place.path.c_str());
  const timespec times[2] = {{static_cast<time_t>(rng_.below(2000000000)), static_cast<long>(rng_.below(1000000000))},
                             {static_cast<time_t>(rng_.below(2000000000)), static_cast<long>(rng_.below(1000000000))}};
  if (utimensat(root_, place.path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    fail(place.path.c_str(), "utimensat: %s", std::strerror(errno));
  struct stat stat {};
  if (fstatat(root_, place.path.c_str(), &stat, AT_SYMLINK_NOFOLLOW) != 0) fail(place.path.c_str(), "stat: %s", std::strerror(errno));
  if (stat.st_mtim.tv_sec != times[1].tv_sec || stat.st_mtim.tv_nsec != times[1].tv_nsec)
    fail(place.path.c_str(), "mtime is not the one set");
  if (stat.st_atim.tv_sec != times[0].tv_sec || stat.st_atim.tv_nsec != times[0].tv_nsec)
    fail(place.path.c_str(), "atime is not the one set");
  endOperation(0, place.path.c_str());
}

void OwnedArea::setAttribute() {
  const Place place = anyFile();
  if (!place.file) return endOperation(ENOENT, place.path.c_str());
  const std::string name = (rng_.oneIn(3) ? "trusted.stress" : "user.stress") + std::to_string(rng_.below(4));
  const std::string value(rng_.below(200), static_cast<char>('a' + rng_.below(26)));
  const Fd fd = open(place.path, O_RDONLY);
  if (fsetxattr(fd.get(), name.c_str(), value.data(), value.size(), 0) != 0) {
    if (errno != EOPNOTSUPP && errno != ENOSPC) fail(place.path.c_str(), "setxattr %s: %s", name.c_str(), std::strerror(errno));
    return endOperation(errno, place.path.c_str());
  }
  place.file->attributes[name] = value;
  verifyFile(place.path, *place.file);
  endOperation(0, place.path.c_str());
}

void OwnedArea::removeAttribute() {
  const Place place = anyFile();
  if (!place.file || place.file->attributes.empty()) return endOperation(ENODATA, place.path.c_str());
  const std::string name = place.file->attributes.begin()->first;
  const Fd fd = open(place.path, O_RDONLY);
  if (fremovexattr(fd.get(), name.c_str()) != 0) fail(place.path.c_str(), "removexattr %s: %s", name.c_str(), std::strerror(errno));
  place.file->attributes.erase(name);
  if (fgetxattr(fd.get(), name.c_str(), nullptr, 0) >= 0 || errno != ENODATA)
    fail(place.path.c_str(), "xattr %s is still there", name.c_str());
  verifyFile(place.path, *place.file);
  endOperation(0, place.path.c_str());
}

// Locks of two open file descriptions exclude each other, and are gone when released.
void OwnedArea::lockOut() {
  const Place place = anyFile();
  if (!place.file) return endOperation(ENOENT, place.path.c_str());
  const Fd first = open(place.path, O_RDWR);
  const Fd second = open(place.path, O_RDWR);
  if (flock(first.get(), LOCK_EX) != 0) fail(place.path.c_str(), "flock: %s", std::strerror(errno));
  if (flock(second.get(), LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) fail(place.path.c_str(), "flock does not exclude");
  if (flock(first.get(), LOCK_UN) != 0) fail(place.path.c_str(), "flock: %s", std::strerror(errno));
  if (flock(second.get(), LOCK_EX | LOCK_NB) != 0) fail(place.path.c_str(), "flock after unlock: %s", std::strerror(errno));

  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = 10;
  range.l_len = 100;
  if (fcntl(first.get(), F_OFD_SETLK, &range) != 0) fail(place.path.c_str(), "F_OFD_SETLK: %s", std::strerror(errno));
  struct flock overlapping = range;
  overlapping.l_start = 50;
  if (fcntl(second.get(), F_OFD_SETLK, &overlapping) == 0 || (errno != EAGAIN && errno != EACCES))
    fail(place.path.c_str(), "OFD locks do not exclude");
  struct flock apart = range;
  apart.l_start = 200;
  if (fcntl(second.get(), F_OFD_SETLK, &apart) != 0) fail(place.path.c_str(), "F_OFD_SETLK of a free range: %s", std::strerror(errno));
  range.l_type = F_UNLCK;
  if (fcntl(first.get(), F_OFD_SETLK, &range) != 0) fail(place.path.c_str(), "F_OFD_SETLK: %s", std::strerror(errno));
  if (fcntl(second.get(), F_OFD_SETLK, &overlapping) != 0) fail(place.path.c_str(), "OFD lock after unlock: %s", std::strerror(errno));
  endOperation(0, place.path.c_str());
}

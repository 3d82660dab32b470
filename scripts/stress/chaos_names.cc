// chaos_names.cc - shared operations on names.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "chaos.h"

int Chaos::createExclusive() {
  const Fd fd(openat(root_, anyPath().c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, rng_.below(01000)));
  if (!fd.valid()) return errno;
  return errnoOf(pwrite(fd.get(), "created", 7, rng_.below(10000)));
}

int Chaos::makeDirectory() {
  std::string path = anyDirectory();
  if (path == "shared") path += "/d" + std::to_string(rng_.below(5));
  const mode_t mode = rng_.oneIn(5) ? 02777 : 0777;
  return errnoOf(mkdirat(root_, path.c_str(), mode));
}

int Chaos::makeNode() {
  const std::string path = anyPath();
  switch (rng_.below(4)) {
    case 0:
      return errnoOf(mknodat(root_, path.c_str(), S_IFIFO | 0644, 0));
    case 1:
      return errnoOf(mknodat(root_, path.c_str(), S_IFSOCK | 0644, 0));
    case 2:
      return errnoOf(mknodat(root_, path.c_str(), S_IFCHR | 0666, makedev(1, 3)));
    default:
      return errnoOf(mknodat(root_, path.c_str(), S_IFREG | 0644, 0));
  }
}

int Chaos::makeSymlink() {
  // Only upwards by one: no link may lead out of the tree of this run.
  const std::string name = (rng_.oneIn(2) ? "n" : "d") + std::to_string(rng_.below(6));
  const std::string target = (rng_.oneIn(2) ? "../d" + std::to_string(rng_.below(5)) + "/" : "") + name;
  return errnoOf(symlinkat(target.c_str(), root_, anyPath().c_str()));
}

int Chaos::makeLink() { return errnoOf(linkat(root_, anyPath().c_str(), root_, anyPath().c_str(), rng_.oneIn(3) ? AT_SYMLINK_FOLLOW : 0)); }

int Chaos::renamePlain() { return errnoOf(renameat(root_, anyPath().c_str(), root_, anyPath().c_str())); }

int Chaos::renameFlags() {
  constexpr unsigned kFlags[] = {RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_EXCHANGE, RENAME_NOREPLACE | RENAME_EXCHANGE};
  return errnoOf(renameat2(root_, anyPath().c_str(), root_, anyPath().c_str(), kFlags[rng_.below(4)]));
}

int Chaos::unlinkFile() { return errnoOf(unlinkat(root_, anyPath().c_str(), 0)); }

int Chaos::removeDirectory() {
  const std::string path = anyDirectory();
  return path == "shared" ? EINVAL : errnoOf(unlinkat(root_, path.c_str(), AT_REMOVEDIR));
}

int Chaos::removeRecursively() {
  if (!rng_.oneIn(40)) return lookUp();
  const std::string path = anyDirectory();
  if (path == "shared") return EINVAL;
  const int error = emptyDirectory(root_, path, 0);
  return error != 0 ? error : errnoOf(unlinkat(root_, path.c_str(), AT_REMOVEDIR));
}

int emptyDirectory(int parent, const std::string& path, int depth) {
  const int fd = openat(parent, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  DIR* stream = fdopendir(fd);
  if (stream == nullptr) return errno;
  int error = 0;
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (unlinkat(fd, name.c_str(), 0) == 0) continue;
    if (errno != EISDIR) continue;  // somebody else was faster
    if (depth < 8) error = emptyDirectory(fd, name, depth + 1);
    unlinkat(fd, name.c_str(), AT_REMOVEDIR);
  }
  closedir(stream);
  return error;
}

int Chaos::lookUp() {
  struct stat stat {};
  return errnoOf(fstatat(root_, anyPath().c_str(), &stat, rng_.oneIn(2) ? AT_SYMLINK_NOFOLLOW : 0));
}

int Chaos::lookUpTooLong() {
  struct stat stat {};
  const std::string path = anyDirectory() + "/" + std::string(250 + rng_.below(12), 'l');
  const int error = errnoOf(fstatat(root_, path.c_str(), &stat, AT_SYMLINK_NOFOLLOW));
  return error != 0 ? error : errnoOf(openat(root_, path.c_str(), O_CREAT | O_EXCL | O_CLOEXEC, 0644));
}

int Chaos::readLink() {
  char target[4096];
  return errnoOf(readlinkat(root_, anyPath().c_str(), target, sizeof target));
}

int Chaos::listDirectory() {
  const int fd = openat(root_, anyDirectory().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  DIR* stream = fdopendir(fd);
  if (stream == nullptr) return errno;
  long position = -1;
  uint32_t left = 200;
  errno = 0;
  while (readdir(stream) != nullptr && --left > 0) {
    if (rng_.oneIn(10)) position = telldir(stream);
    if (position >= 0 && rng_.oneIn(20)) seekdir(stream, position);
    if (rng_.oneIn(60)) rewinddir(stream);
    errno = 0;
  }
  // A directory that was removed while it was read may say so.
  const int error = left == 0 ? 0 : errno;
  closedir(stream);
  return error;
}

int Chaos::standInRemoved() {
  const std::string path = anyDirectory() + "/gone";
  const int made = errnoOf(mkdirat(root_, path.c_str(), 0755));
  if (made != 0) return made;
  const Fd inside(openat(root_, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!inside.valid()) return errno;
  const Fd before(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!before.valid() || fchdir(inside.get()) != 0) return errno;
  int error = errnoOf(unlinkat(root_, path.c_str(), AT_REMOVEDIR));
  struct stat stat {};
  if (error == 0) error = errnoOf(::stat(".", &stat));
  if (error == 0 && (mkdir("sub", 0755) == 0 || errno != ENOENT)) error = EPROTO;
  const int back = errnoOf(fchdir(before.get()));
  return error != 0 ? error : back;
}

// owned_names.cc - operations of a worker on names in its own directories.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "owned.h"
#include "report.h"

void OwnedArea::renameOver() {
  const Place from = anyFile();
  const Place to = newName();
  if (!from.file) return endOperation(ENOENT, from.path.c_str());
  if (renameat(root_, from.path.c_str(), root_, to.path.c_str()) != 0)
    fail(from.path.c_str(), "rename to %s: %s", to.path.c_str(), std::strerror(errno));
  // Renaming one of two hard links over the other changes nothing at all.
  if (from.file != to.file) {
    put(to, Entry{from.file, ""});
    from.directory->entries.erase(from.name);
  }
  verifyFile(to.path, *from.file);
  verifyDirectory(*from.directory);
  endOperation(0, from.path.c_str());
}

void OwnedArea::renameNoReplace() {
  const Place from = anyFile();
  const Place to = newName();
  if (!from.file) return endOperation(ENOENT, from.path.c_str());
  const bool exists = to.directory->entries.contains(to.name);
  const int error = renameat2(root_, from.path.c_str(), root_, to.path.c_str(), RENAME_NOREPLACE) == 0 ? 0 : errno;
  if (error != (exists ? EEXIST : 0))
    fail(from.path.c_str(), "rename to %s, which exists: %d: %s", to.path.c_str(), exists, std::strerror(error));
  if (!exists) {
    put(to, Entry{from.file, ""});
    from.directory->entries.erase(from.name);
    verifyFile(to.path, *from.file);
  }
  endOperation(error, from.path.c_str());
}

void OwnedArea::renameExchange() {
  const Place one = anyFile();
  const Place other = anyFile();
  if (!one.file || !other.file) return endOperation(ENOENT, one.path.c_str());
  if (renameat2(root_, one.path.c_str(), root_, other.path.c_str(), RENAME_EXCHANGE) != 0) {
    fail(one.path.c_str(), "exchange with %s: %s", other.path.c_str(), std::strerror(errno));
  }
  one.directory->entries[one.name].file = other.file;
  other.directory->entries[other.name].file = one.file;
  verifyFile(one.path, *other.file);
  verifyFile(other.path, *one.file);
  endOperation(0, one.path.c_str());
}

void OwnedArea::linkTo() {
  const Place from = anyFile();
  const Place to = newName();
  if (!from.file) return endOperation(ENOENT, from.path.c_str());
  const bool exists = to.directory->entries.contains(to.name);
  const int error = linkat(root_, from.path.c_str(), root_, to.path.c_str(), 0) == 0 ? 0 : errno;
  if (error != (exists ? EEXIST : 0)) fail(from.path.c_str(), "link to %s: %s", to.path.c_str(), std::strerror(error));
  if (!exists) {
    ++from.file->links;
    to.directory->entries[to.name] = Entry{from.file, ""};
    struct stat first {};
    struct stat second {};
    fstatat(root_, from.path.c_str(), &first, AT_SYMLINK_NOFOLLOW);
    fstatat(root_, to.path.c_str(), &second, AT_SYMLINK_NOFOLLOW);
    if (first.st_ino != second.st_ino || first.st_dev != second.st_dev) fail(from.path.c_str(), "two links are two inodes");
    verifyFile(to.path, *from.file);
  }
  endOperation(error, from.path.c_str());
}

void OwnedArea::unlinkName() {
  const Place place = anyEntry();
  if (place.name.empty()) return endOperation(ENOENT, place.path.c_str());
  if (unlinkat(root_, place.path.c_str(), 0) != 0) fail(place.path.c_str(), "unlink: %s", std::strerror(errno));
  forgetName(*place.directory, place.name);
  struct stat stat {};
  if (fstatat(root_, place.path.c_str(), &stat, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
    fail(place.path.c_str(), "still there after unlink");
  verifyDirectory(*place.directory);
  endOperation(0, place.path.c_str());
}

// A file without a name stays the file: it can be written, read and stat'ed.
void OwnedArea::unlinkedIo() {
  const Place place = anyFile();
  if (!place.file) return endOperation(ENOENT, place.path.c_str());
  const Fd fd = open(place.path, O_RDWR);
  if (unlinkat(root_, place.path.c_str(), 0) != 0) fail(place.path.c_str(), "unlink: %s", std::strerror(errno));
  forgetName(*place.directory, place.name);
  verifyContent(fd.get(), place.path, *place.file);
  const Bytes bytes = freshBytes(30000);
  if (pwrite(fd.get(), bytes.data(), bytes.size(), 100) != static_cast<ssize_t>(bytes.size()))
    fail(place.path.c_str(), "pwrite after unlink: %s", std::strerror(errno));
  patch(*place.file, 100, bytes);
  verifyContent(fd.get(), place.path, *place.file);
  struct stat stat {};
  if (fstat(fd.get(), &stat) != 0) fail(place.path.c_str(), "fstat after unlink: %s", std::strerror(errno));
  if (static_cast<int>(stat.st_nlink) != place.file->links)
    fail(place.path.c_str(), "%d links after unlink, expected %d", static_cast<int>(stat.st_nlink), place.file->links);
  endOperation(0, place.path.c_str());
}

void OwnedArea::symlinkTo() {
  const Place place = newName();
  if (place.directory->entries.contains(place.name)) return endOperation(EEXIST, place.path.c_str());
  const std::string target(1 + rng_.below(300), 't');
  if (symlinkat(target.c_str(), root_, place.path.c_str()) != 0) fail(place.path.c_str(), "symlink: %s", std::strerror(errno));
  place.directory->entries[place.name] = Entry{nullptr, target};
  char found[512];
  const ssize_t length = readlinkat(root_, place.path.c_str(), found, sizeof found);
  if (length < 0 || std::string(found, static_cast<size_t>(length)) != target) fail(place.path.c_str(), "readlink gives another target");
  endOperation(0, place.path.c_str());
}

void OwnedArea::temporaryFile() {
  const Place place = newName();
  const Fd fd(openat(root_, place.directory->path.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0644));
  if (!fd.valid()) {
    if (errno != EOPNOTSUPP) fail(place.directory->path.c_str(), "O_TMPFILE: %s", std::strerror(errno));
    return endOperation(EOPNOTSUPP, place.path.c_str());
  }
  auto file = std::make_shared<OwnedFile>();
  file->data = freshBytes(20000);
  if (write(fd.get(), file->data.data(), file->data.size()) != static_cast<ssize_t>(file->data.size()))
    fail(place.path.c_str(), "write: %s", std::strerror(errno));
  verifyContent(fd.get(), place.path, *file);
  if (!place.directory->entries.contains(place.name)) {
    const std::string self = "/proc/self/fd/" + std::to_string(fd.get());
    if (linkat(AT_FDCWD, self.c_str(), root_, place.path.c_str(), AT_SYMLINK_FOLLOW) != 0)
      fail(place.path.c_str(), "linkat of an O_TMPFILE: %s", std::strerror(errno));
    place.directory->entries[place.name] = Entry{file, ""};
    verifyFile(place.path, *file);
  }
  endOperation(0, place.path.c_str());
}

void OwnedArea::list() {
  const Directory& directory = anyDirectory();
  verifyDirectory(directory);
  endOperation(0, directory.path.c_str());
}

// What was in a removed directory, in whatever layer, must not come back with a new one of the same name.
void OwnedArea::removeTree() {
  if (!rng_.oneIn(10)) return list();
  Directory& directory = anyDirectory();
  const char* path = directory.path.c_str();
  if (!directory.entries.empty()) {
    if (unlinkat(root_, path, AT_REMOVEDIR) == 0 || (errno != ENOTEMPTY && errno != EEXIST))
      fail(path, "rmdir of a full directory: %s", std::strerror(errno));
  }
  while (!directory.entries.empty()) {
    const std::string name = directory.entries.begin()->first;
    const std::string entry = directory.path + "/" + name;
    if (unlinkat(root_, entry.c_str(), 0) != 0) fail(entry.c_str(), "unlink: %s", std::strerror(errno));
    forgetName(directory, name);
  }
  verifyDirectory(directory);
  if (unlinkat(root_, path, AT_REMOVEDIR) != 0) fail(path, "rmdir of an empty directory: %s", std::strerror(errno));
  if (mkdirat(root_, path, 0755) != 0) fail(path, "mkdir: %s", std::strerror(errno));
  verifyDirectory(directory);
  endOperation(0, path);
}

// A directory that a lower layer has may refuse with EXDEV; then nothing has moved.
void OwnedArea::moveDirectory() {
  Directory& directory = anyDirectory();
  const std::string moved = directory.path + "-moved";
  if (renameat(root_, directory.path.c_str(), root_, moved.c_str()) != 0) {
    if (errno != EXDEV) fail(directory.path.c_str(), "rename: %s", std::strerror(errno));
    verifyDirectory(directory);
    return endOperation(EXDEV, directory.path.c_str());
  }
  const std::string original = directory.path;
  directory.path = moved;
  verifyDirectory(directory);
  struct stat stat {};
  if (fstatat(root_, original.c_str(), &stat, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
    fail(original.c_str(), "still there after rename");
  if (renameat(root_, moved.c_str(), root_, original.c_str()) != 0) fail(moved.c_str(), "rename back: %s", std::strerror(errno));
  directory.path = original;
  verifyDirectory(directory);
  endOperation(0, original.c_str());
}

// A process may stand in a directory that is gone: it is empty and takes no new names.
void OwnedArea::removedDirectory() {
  const Directory& directory = anyDirectory();
  const std::string path = directory.path + "-gone";
  if (mkdirat(root_, path.c_str(), 0755) != 0) fail(path.c_str(), "mkdir: %s", std::strerror(errno));
  {
    const Fd before(::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const Fd inside = open(path, O_RDONLY | O_DIRECTORY);
    if (fchdir(inside.get()) != 0) fail(path.c_str(), "chdir: %s", std::strerror(errno));
    if (unlinkat(root_, path.c_str(), AT_REMOVEDIR) != 0) fail(path.c_str(), "rmdir: %s", std::strerror(errno));
    const Fd created(::open("name", O_CREAT | O_RDWR | O_CLOEXEC, 0644));
    if (created.valid() || errno != ENOENT) fail(path.c_str(), "create in a removed directory: %s", std::strerror(errno));
    struct stat stat {};
    if (::stat(".", &stat) != 0) fail(path.c_str(), "stat of a removed directory: %s", std::strerror(errno));
    if (fchdir(before.get()) != 0) fail(path.c_str(), "chdir back: %s", std::strerror(errno));
  }
  endOperation(0, path.c_str());
}

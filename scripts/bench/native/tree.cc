// tree.cc - makes trees, walks them, lists them and removes them.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "fd.h"
#include "layout.h"
#include "report.h"
#include "verbs.h"

namespace bench {

namespace {

constexpr std::size_t kBufferSize = 1 << 20;

void makeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) fail("mkdir", path);
}

std::string someBytes(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint64_t state = 0x9e3779b97f4a7c15;
  for (char& byte : bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<char>(state >> 56);
  }
  return bytes;
}

void makeSmallFile(const std::string& path, const std::string& content) {
  Fd fd = openFile(path, O_WRONLY | O_CREAT | O_EXCL);
  writeAll(fd.get(), content.data(), content.size(), path);
  fd.close(path);
}

struct CloseDirectory {
  void operator()(DIR* dir) const { closedir(dir); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Directory openDirectory(int parent, const char* name) {
  const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) fail("open directory", name);
  DIR* dir = fdopendir(fd);
  if (dir == nullptr) fail("fdopendir", name);
  return Directory(dir);
}

bool isDots(const char* name) { return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0; }

// Calls visit(directory descriptor, entry) for each entry but the dots.
template <typename Visit>
void eachEntry(DIR* dir, Visit visit) {
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(dir);
    if (entry == nullptr) break;
    if (!isDots(entry->d_name)) visit(dirfd(dir), *entry);
  }
  if (errno != 0) fail("readdir", "");
}

std::uint64_t walkInto(int parent, const char* name) {
  const Directory dir = openDirectory(parent, name);
  std::uint64_t entries = 0;
  eachEntry(dir.get(), [&entries](int fd, const dirent& entry) {
    struct stat status {};
    if (fstatat(fd, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) fail("stat", entry.d_name);
    ++entries;
    if (S_ISDIR(status.st_mode)) entries += walkInto(fd, entry.d_name);
  });
  return entries;
}

// Names are collected first: removing while reading lets some file systems skip entries.
std::uint64_t removeInto(int parent, const char* name) {
  std::uint64_t removed = 0;
  {
    const Directory dir = openDirectory(parent, name);
    std::vector<std::pair<std::string, bool>> entries;
    eachEntry(dir.get(), [&entries](int, const dirent& entry) { entries.emplace_back(entry.d_name, entry.d_type == DT_DIR); });
    for (const auto& [entry, isDirectory] : entries) {
      if (isDirectory) {
        removed += removeInto(dirfd(dir.get()), entry.c_str());
        continue;
      }
      if (unlinkat(dirfd(dir.get()), entry.c_str(), 0) != 0) fail("unlink", entry);
      ++removed;
    }
  }
  if (unlinkat(parent, name, AT_REMOVEDIR) != 0) fail("rmdir", name);
  return removed + 1;
}

}  // namespace

void makeTree(const Args& args) {
  const std::string root = args.word(0);
  const Layout layout(args);
  const std::uint64_t layers = args.number("layers", 1);
  const std::uint64_t layer = args.number("layer", 0);
  const std::string content = someBytes(args.number("size"));
  makeDirectory(root);
  for (std::uint64_t g = 0; g < layout.groups(); ++g) makeDirectory(root + "/" + layout.group(g));
  for (std::uint64_t d = 0; d < layout.directories(); ++d) makeDirectory(root + "/" + layout.directory(d));
  for (std::uint64_t k = layer; k < layout.files(); k += layers) makeSmallFile(root + "/" + layout.file(k), content);
  Report().print();
}

void makeFlat(const Args& args) {
  const std::string root = args.word(0);
  const std::uint64_t layers = args.number("layers", 1);
  const std::string content = someBytes(args.number("size"));
  makeDirectory(root);
  for (std::uint64_t k = args.number("layer", 0); k < args.number("files"); k += layers) {
    char name[32];
    std::snprintf(name, sizeof name, "/n%06llu", static_cast<unsigned long long>(k));
    makeSmallFile(root + name, content);
  }
  Report().print();
}

void makeFile(const Args& args) {
  const std::string& path = args.word(0);
  const std::string block = someBytes(kBufferSize);
  Fd fd = openFile(path, O_WRONLY | O_CREAT | O_EXCL);
  for (std::uint64_t left = args.number("bytes"); left > 0;) {
    const std::size_t size = left < block.size() ? static_cast<std::size_t>(left) : block.size();
    writeAll(fd.get(), block.data(), size, path);
    left -= size;
  }
  fd.close(path);
  Report().print();
}

void walk(const Args& args) {
  const Stopwatch watch;
  const std::uint64_t entries = walkInto(AT_FDCWD, args.word(0).c_str());
  Report().add("seconds", watch.seconds()).add("count", static_cast<double>(entries)).print();
}

// ls -l asks for each entry: statx, the SELinux label, the ACL. Absence of both attributes is the usual answer.
void listLong(const Args& args) {
  const Stopwatch watch;
  const std::string& root = args.word(0);
  const Directory dir = openDirectory(AT_FDCWD, root.c_str());
  std::uint64_t entries = 0;
  std::string path;
  char value[256];
  eachEntry(dir.get(), [&](int, const dirent& entry) {
    path.assign(root).append("/").append(entry.d_name);
    struct statx status {};
    constexpr unsigned kMask = STATX_MODE | STATX_NLINK | STATX_UID | STATX_GID | STATX_MTIME | STATX_SIZE;
    if (statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, kMask, &status) != 0) fail("statx", path);
    if (lgetxattr(path.c_str(), "security.selinux", value, sizeof value) < 0 && errno != ENODATA && errno != EOPNOTSUPP) {
      fail("getxattr", path);
    }
    if (getxattr(path.c_str(), "system.posix_acl_access", value, sizeof value) < 0 && errno != ENODATA && errno != EOPNOTSUPP) {
      fail("getxattr", path);
    }
    ++entries;
  });
  Report().add("seconds", watch.seconds()).add("count", static_cast<double>(entries)).print();
}

void removeTree(const Args& args) {
  const Stopwatch watch;
  const std::uint64_t removed = removeInto(AT_FDCWD, args.word(0).c_str());
  Report().add("seconds", watch.seconds()).add("count", static_cast<double>(removed)).print();
}

}  // namespace bench

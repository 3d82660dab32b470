// survey.cc - see survey.h.
#include "survey.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <string>

#include "fd.h"
#include "report.h"

namespace {

struct Survey {
  bool checkInodes;
  SurveyResult result;
  char buffer[1 << 16];

  void visitDirectory(int parent, const std::string& name, const std::string& path);
  void visitEntry(int directory, const dirent& entry, const std::string& path);
  void readFile(int directory, const char* name, const std::string& path, const struct stat& stat);
};

void Survey::visitDirectory(int parent, const std::string& name, const std::string& path) {
  DIR* stream = fdopendir(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (stream == nullptr) fail(path.c_str(), "opendir: %s", std::strerror(errno));
  std::set<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(stream)) {
    if (!names.insert(entry->d_name).second) fail(path.c_str(), "readdir gives %s twice", entry->d_name);
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) {
      visitEntry(dirfd(stream), *entry, path + "/" + entry->d_name);
    }
    errno = 0;
  }
  if (errno != 0) fail(path.c_str(), "readdir: %s", std::strerror(errno));
  if (!names.contains(".") || !names.contains("..")) fail(path.c_str(), "readdir leaves out . or ..");
  closedir(stream);
}

void Survey::visitEntry(int directory, const dirent& entry, const std::string& path) {
  struct stat stat {};
  if (fstatat(directory, entry.d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0)
    fail(path.c_str(), "listed, but stat says %s", std::strerror(errno));
  ++result.entries;
  const mode_t listed = DTTOIF(entry.d_type);
  if (entry.d_type != DT_UNKNOWN && listed != (stat.st_mode & S_IFMT))
    fail(path.c_str(), "type %o in readdir, %o in stat", listed, stat.st_mode & S_IFMT);
  if (checkInodes && entry.d_ino != stat.st_ino) {
    fail(path.c_str(), "inode %llu in readdir, %llu in stat", static_cast<unsigned long long>(entry.d_ino),
         static_cast<unsigned long long>(stat.st_ino));
  }
  if (S_ISDIR(stat.st_mode)) return visitDirectory(directory, entry.d_name, path);
  if (S_ISREG(stat.st_mode)) return readFile(directory, entry.d_name, path, stat);
  if (S_ISLNK(stat.st_mode)) {
    const ssize_t length = readlinkat(directory, entry.d_name, buffer, sizeof buffer);
    if (length != stat.st_size) fail(path.c_str(), "a target of %zd bytes, %lld in stat", length, static_cast<long long>(stat.st_size));
  }
}

void Survey::readFile(int directory, const char* name, const std::string& path, const struct stat& stat) {
  const Fd fd(openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) fail(path.c_str(), "open: %s", std::strerror(errno));
  off_t total = 0;
  for (;;) {
    const ssize_t count = read(fd.get(), buffer, sizeof buffer);
    if (count < 0) fail(path.c_str(), "read at %lld: %s", static_cast<long long>(total), std::strerror(errno));
    if (count == 0) break;
    total += count;
  }
  if (total != stat.st_size)
    fail(path.c_str(), "%lld bytes read, %lld in stat", static_cast<long long>(total), static_cast<long long>(stat.st_size));
  result.bytes += static_cast<uint64_t>(total);
  const ssize_t attributes = flistxattr(fd.get(), buffer, sizeof buffer);
  if (attributes < 0) fail(path.c_str(), "listxattr: %s", std::strerror(errno));
  for (const char* at = buffer; at < buffer + attributes; at += std::strlen(at) + 1) {
    if (std::strncmp(at, "trusted.overlay.", 16) == 0) fail(path.c_str(), "shows the private xattr %s", at);
    if (fgetxattr(fd.get(), at, nullptr, 0) < 0) fail(path.c_str(), "xattr %s is listed, but: %s", at, std::strerror(errno));
  }
}

}  // namespace

SurveyResult surveyTree(int root, bool checkInodes) {
  Survey survey{checkInodes, {}, {}};
  survey.visitDirectory(root, ".", "");
  return survey.result;
}

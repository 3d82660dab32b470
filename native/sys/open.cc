#include "sys/open.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mutex>

#include "sys/fault.h"

namespace unionfs::sys {

namespace {

// Longest path given to one openat2(2): below PATH_MAX, and with room for a name before its end.
constexpr size_t kPathStep = 3500;

Result<Fd> owned(int raw) {
  if (raw < 0) return Errno::last();
  return Fd(raw);
}

int retryOpen(int dir, const char* name, int flags, mode_t mode) {
  int raw;
  do raw = ::openat(dir, name, flags, mode);
  while (raw < 0 && errno == EINTR);
  return raw;
}

}  // namespace

std::string procPath(At at) {
  std::string path = "/proc/self/fd/" + std::to_string(at.dir);
  if (!at.isSelf()) path.append("/").append(at.name);
  return path;
}

Result<Fd> open(At at, int flags, mode_t mode) {
  READ_FAULT_POINT("openat");
  if (at.isSelf()) return owned(retryOpen(AT_FDCWD, procPath(at).c_str(), (flags & ~O_NOFOLLOW) | O_CLOEXEC, mode));
  return owned(retryOpen(at.dir, at.name, flags | O_NOFOLLOW | O_CLOEXEC, mode));
}

Result<Fd> openBeneath(int root, const char* path, int flags) {
  READ_FAULT_POINT("openat2");
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC | O_NOFOLLOW);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  long raw;
  do raw = ::syscall(SYS_openat2, root, path, &how, sizeof how);
  while (raw < 0 && (errno == EINTR || errno == EAGAIN));
  return owned(static_cast<int>(raw));
}

Result<Fd> openDirectoryBeneath(int root, std::string_view path, int flags) {
  Fd reached;
  while (path.size() > kPathStep) {
    const size_t slash = path.rfind('/', kPathStep);
    if (slash == std::string_view::npos) return Errno(ENAMETOOLONG);
    const std::string step(path.substr(0, slash));
    TRY_ASSIGN(reached, openBeneath(reached ? reached.get() : root, step.c_str(), O_PATH | O_DIRECTORY));
    path.remove_prefix(slash + 1);
  }
  const std::string rest(path.empty() ? "." : path);
  return openBeneath(reached ? reached.get() : root, rest.c_str(), flags | O_DIRECTORY);
}

Result<Fd> openPath(const std::string& path, int flags) { return owned(retryOpen(AT_FDCWD, path.c_str(), flags | O_CLOEXEC, 0)); }

Result<Fd> openTemporary(int dir, int flags, mode_t mode) {
  FAULT_POINT("open O_TMPFILE");
  auto fd = owned(retryOpen(dir, ".", flags | O_TMPFILE | O_CLOEXEC, mode));
  // Linux before 3.11 and some filesystems see only the O_DIRECTORY half of the flag.
  if (fd.failsWith(EISDIR) || fd.failsWith(ENOENT)) return Errno(EOPNOTSUPP);
  return fd;
}

Result<Fd> createExclusive(At at, int flags, mode_t mode) {
  FAULT_POINT("open O_CREAT");
  return owned(retryOpen(at.dir, at.name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
}

namespace {
std::mutex modeDetour;  // a second opener must not take the detour's mode for the file's own
}  // namespace

Result<Fd> openData(At at, bool writable, bool mayChangeMode) {
  const int flags = (writable ? O_RDWR : O_RDONLY) | O_NONBLOCK;
  auto fd = open(at, flags);
  if (writable && fd.failsWith(EPERM)) return open(at, flags | O_APPEND);
  if (!fd.failsWith(EACCES) || !mayChangeMode) return fd;
  const std::lock_guard lock(modeDetour);
  TRY_ASSIGN(const Fd self, open(at, O_PATH));
  struct stat st {};
  if (::fstat(self.get(), &st) < 0) return Errno::last();
  if (st.st_uid != ::geteuid() || !S_ISREG(st.st_mode)) return fd;
  const std::string path = procPath({self.get(), ""});
  if (::chmod(path.c_str(), st.st_mode | S_IRUSR | (writable ? S_IWUSR : 0U)) < 0) return fd;
  fd = open({self.get(), ""}, flags);
  if (::chmod(path.c_str(), st.st_mode & 07777U) < 0 && fd.ok()) return Errno::last();
  return fd;
}

bool isAppendOnly(int fd) { return (::fcntl(fd, F_GETFL) & O_APPEND) != 0; }

Result<Fd> duplicate(int fd) { return owned(::fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

Status lockExclusive(int fd) {
  if (::flock(fd, LOCK_EX | LOCK_NB) < 0) return Errno::last();
  return success();
}

}  // namespace unionfs::sys

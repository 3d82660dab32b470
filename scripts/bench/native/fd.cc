// fd.cc - see fd.h.
#include "fd.h"

#include <fcntl.h>
#include <unistd.h>

#include "report.h"

namespace bench {

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

void Fd::close(const std::string& path) {
  if (::close(std::exchange(fd_, -1)) != 0) fail("close", path);
}

Fd openFile(const std::string& path, int flags, mode_t mode) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) fail("open", path);
  return Fd(fd);
}

void writeAll(int fd, const void* data, std::size_t size, const std::string& path) {
  const char* from = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(fd, from, size);
    if (written < 0) fail("write", path);
    from += written;
    size -= static_cast<std::size_t>(written);
  }
}

std::size_t readUpTo(int fd, void* data, std::size_t size, const std::string& path) {
  char* into = static_cast<char*>(data);
  std::size_t total = 0;
  while (total < size) {
    const ssize_t got = ::read(fd, into + total, size - total);
    if (got < 0) fail("read", path);
    if (got == 0) break;
    total += static_cast<std::size_t>(got);
  }
  return total;
}

}  // namespace bench

// fd.h - a descriptor that closes itself, and whole reads and writes; all of them end the program when the kernel refuses.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <utility>

namespace bench {

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&&) = delete;
  ~Fd();
  [[nodiscard]] int get() const { return fd_; }
  // Closes now, so that close() can be part of what is timed and its error is seen.
  void close(const std::string& path);

 private:
  int fd_;
};

Fd openFile(const std::string& path, int flags, mode_t mode = 0644);
void writeAll(int fd, const void* data, std::size_t size, const std::string& path);
// Reads until `size` bytes or the end of the file; returns what was read.
std::size_t readUpTo(int fd, void* data, std::size_t size, const std::string& path);

}  // namespace bench

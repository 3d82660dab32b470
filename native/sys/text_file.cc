#include "sys/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "sys/fd.h"

namespace unionfs::sys {

std::string readAll(int fd) {
  constexpr size_t kLimit = size_t{8} << 20;
  std::string text;
  std::array<char, 16384> block{};
  for (;;) {
    const ssize_t count = ::read(fd, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || text.size() > kLimit) return text;
    text.append(block.data(), static_cast<size_t>(count));
  }
}

Result<std::string> readText(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Errno::last();
  return readAll(file.get());
}

}  // namespace unionfs::sys

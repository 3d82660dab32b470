#include "sys/path.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace unionfs::sys {

Result<std::string> realPath(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (!real) return Errno::last();
  return std::string(real.get());
}

bool mayAccess(const std::string& path, int mode) { return ::access(path.c_str(), mode) == 0; }

std::optional<std::string> homeOf(unsigned uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> text{};
  if (::getpwuid_r(uid, &entry, text.data(), text.size(), &found) != 0 || found == nullptr) return std::nullopt;
  return std::string(entry.pw_dir);
}

}  // namespace unionfs::sys

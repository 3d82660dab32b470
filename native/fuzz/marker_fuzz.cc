// marker_fuzz.cc - names and xattr values somebody else left in a layer against everything that reads them.
//
// Input: a byte that picks the reader, then the name or value.
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "layer/marker.h"
#include "layer/override_stat.h"
#include "sys/xattr.h"

namespace unionfs {
namespace {

constexpr const char* kOrigin = "user.overlay.origin";
constexpr const char* kOpaque = "user.overlay.opaque";
constexpr size_t kLargestValue = 1024;

void require(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "marker_fuzz: %s\n", what);
  std::abort();
}

// A directory that carries the marks; removed at once, so that it goes with the descriptor.
int carrier() {
  static const int fd = [] {
    std::string pattern = (std::filesystem::temp_directory_path() / "unionfs-fuzz-XXXXXX").string();
    require(::mkdtemp(pattern.data()) != nullptr, "no temporary directory");
    const int dir = ::open(pattern.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    std::filesystem::remove(pattern);
    return dir;
  }();
  return fd;
}

void readName(std::string_view name) {
  const auto victim = marker::whiteoutFileVictim(name);
  if (!victim) return;
  require(marker::isReservedName(name), "a mark that is no reserved name");
  require(marker::whiteoutFileFor(*victim) == name, "the mark of the victim is another");
  require(!victim->empty() && *victim != "." && *victim != ".." && !marker::isReservedName(*victim), "an impossible victim");
}

void readXattrName(std::string_view name) {
  const std::string stored = marker::storedXattrName(name);
  require(marker::visibleXattrName(stored) == std::string(name), "a user's xattr does not come back");
  if (const auto visible = marker::visibleXattrName(name))
    require(marker::storedXattrName(*visible) == name, "a stored name is not where it was");
}

void readOverride(std::string_view value) {
  const auto stat = decodeOverride(value);
  if (!stat) return;
  require((stat->mode & ~07777U) == 0 && (stat->type & ~static_cast<mode_t>(S_IFMT)) == 0, "more than a mode and a type");
  const auto again = decodeOverride(encodeOverride(*stat));
  require(again && *again == *stat, "an owner is written otherwise than it was read");
}

void readOrigin(std::string_view value) {
  if (::fsetxattr(carrier(), kOrigin, value.data(), value.size(), 0) != 0) return;
  const auto handle = marker::readOrigin({carrier(), ""});
  if (!handle) return;
  constexpr size_t kFlags = 3, kUuid = 5, kUuidSize = 16;
  require(marker::writeOrigin({carrier(), ""}, marker::XattrSpace::user, *handle, value.substr(kUuid, kUuidSize)).ok(),
          "an origin cannot be written");
  std::string wanted(value);
  wanted[kFlags] = 0;
  require(*sys::getXattr({carrier(), ""}, kOrigin) == wanted, "an origin is written otherwise than it was read");
}

void readOpaque(std::string_view value) {
  if (::fsetxattr(carrier(), kOpaque, value.data(), value.size(), 0) != 0) return;
  const auto marks = marker::readDirMarks(carrier());
  require(marks.ok(), "marks cannot be read");
  require(marks->opaque == value.starts_with('y'), "opaque otherwise than by `y`");
  require(marks->mayHoldXattrWhiteouts == value.starts_with('x'), "xattr whiteouts otherwise than by `x`");
}

void run(uint8_t reader, std::string_view text) {
  switch (reader % 5) {
    case 0:
      return readName(text);
    case 1:
      return readXattrName(text);
    case 2:
      return readOrigin(text.substr(0, kLargestValue));
    case 3:
      return readOpaque(text.substr(0, kLargestValue));
    default:
      return readOverride(text);
  }
}

}  // namespace
}  // namespace unionfs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 0) unionfs::run(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}

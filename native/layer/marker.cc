#include "layer/marker.h"

#include <sys/sysmacros.h>

#include <array>
#include <cstring>

#include "sys/open.h"
#include "sys/xattr.h"

namespace unionfs::marker {

namespace {

constexpr std::array<std::string_view, 4> kPrivatePrefixes = {"trusted.overlay.", "user.overlay.", "user.fuseoverlayfs.",
                                                              "security.fuseoverlayfs."};
constexpr std::string_view kEscape = "overlay.";

// struct ovl_fb, packed: version, magic, length, flags, handle type, filesystem uuid, handle bytes.
constexpr size_t kOriginHeader = 5;
constexpr size_t kUuidSize = 16;
constexpr char kOriginMagic = '\xfb';
constexpr uint8_t kBigEndian = 1, kAnyEndian = 2;

const char* nameIn(XattrSpace space, const char* trusted, const char* user) { return space == XattrSpace::trusted ? trusted : user; }

bool startsWith(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

// "There is no such mark, as far as we may see", as opposed to "it could not be read".
bool meansNoMark(Errno e) { return e == ENODATA || e == EACCES || e == EPERM || meansAbsent(e) || meansUnsupported(e); }

Result<bool> hasXattr(At at, const char* name) {
  const auto value = sys::getXattr(at, name);
  if (value.ok()) return true;
  return meansNoMark(value.error()) ? Result<bool>(false) : value.error();
}

Result<bool> hasMark(At at, const char* trusted, const char* user) {
  TRY_ASSIGN(const bool has, hasXattr(at, trusted));
  return has ? Result<bool>(true) : hasXattr(at, user);
}

// First byte of the opaque xattr `name`, or 0.
Result<char> opaqueByte(int dir, const char* name) {
  const auto value = sys::getXattr({dir, ""}, name);
  if (!value.ok()) return meansNoMark(value.error()) ? Result<char>('\0') : value.error();
  return value->empty() ? '\0' : value->front();
}

Status readXattrMarks(int dir, std::string_view names, DirMarks& marks) {
  while (!names.empty()) {
    const auto end = names.find('\0');
    const std::string name(names.substr(0, end));
    names.remove_prefix(end == std::string_view::npos ? names.size() : end + 1);
    if (name == "trusted.overlay.opaque" || name == "user.overlay.opaque" || name == "user.fuseoverlayfs.opaque") {
      TRY_ASSIGN(const char value, opaqueByte(dir, name.c_str()));
      marks.opaque |= value == 'y';
      marks.mayHoldXattrWhiteouts |= value == 'x';
    } else if (name == "trusted.overlay.impure" || name == "user.overlay.impure") {
      marks.impure = true;
    } else if (name == "trusted.overlay.redirect" || name == "user.overlay.redirect") {
      marks.redirected = true;
    }
  }
  return success();
}

}  // namespace

bool isReservedName(std::string_view name) { return startsWith(name, kWhiteoutPrefix); }

std::optional<std::string_view> whiteoutFileVictim(std::string_view name) {
  if (!isReservedName(name)) return std::nullopt;
  const auto victim = name.substr(kWhiteoutPrefix.size());
  if (victim.empty() || victim == "." || victim == ".." || isReservedName(victim)) return std::nullopt;
  return victim;
}

std::string whiteoutFileFor(std::string_view victim) { return std::string(kWhiteoutPrefix).append(victim); }

bool isWhiteoutDevice(const sys::Stat& stat) { return S_ISCHR(stat.mode) && stat.rdev == makedev(0, 0); }

Result<bool> isXattrWhiteout(At at, const sys::Stat& stat) {
  if (!stat.isRegular() || stat.size != 0) return false;
  return hasMark(at, "trusted.overlay.whiteout", "user.overlay.whiteout");
}

Result<bool> isMetacopy(At at, const sys::Stat& stat, bool mayHoldCopies) {
  constexpr uint64_t kBlock = 512;
  if (!stat.isRegular() || stat.size == 0 || (!mayHoldCopies && stat.blocks >= (stat.size + kBlock - 1) / kBlock)) return false;
  return hasMark(at, "trusted.overlay.metacopy", "user.overlay.metacopy");
}

Result<DirMarks> readDirMarks(int dir, bool mayMerge) {
  DirMarks marks;
  TRY_ASSIGN(const std::string names, sys::listXattr({dir, ""}));
  if (!names.empty()) TRY(readXattrMarks(dir, names, marks));
  if (marks.opaque || !mayMerge) return marks;
  const auto file = sys::exists({dir, kOpaqueFile});
  // A directory we may not search shows none of its names, whatever it is merged with.
  if (!file.ok() && !file.failsWith(EACCES)) return file.error();
  marks.opaque = file.ok() && *file;
  return marks;
}

Status setOpaque(int dir, XattrSpace space) {
  if (space != XattrSpace::none) return sys::setXattr({dir, ""}, nameIn(space, "trusted.overlay.opaque", "user.overlay.opaque"), "y");
  const auto file = sys::createExclusive({dir, kOpaqueFile}, 0, 0700);
  if (!file.ok() && !file.failsWith(EEXIST)) return file.error();
  return success();
}

Status setImpure(int dir, XattrSpace space) {
  if (space == XattrSpace::none) return success();
  return sys::setXattr({dir, ""}, nameIn(space, "trusted.overlay.impure", "user.overlay.impure"), "y");
}

std::optional<sys::FileHandle> readOrigin(At at) {
  auto value = sys::getXattr(at, "trusted.overlay.origin");
  if (!value.ok()) value = sys::getXattr(at, "user.overlay.origin");
  if (!value.ok() || value->size() <= kOriginHeader + kUuidSize) return std::nullopt;
  const std::string& bytes = *value;
  const auto flags = static_cast<uint8_t>(bytes[3]);
  const bool known = bytes[0] == 0 && bytes[1] == kOriginMagic && static_cast<uint8_t>(bytes[2]) == bytes.size();
  if (!known || ((flags & kBigEndian) != 0 && (flags & kAnyEndian) == 0)) return std::nullopt;
  return sys::FileHandle{static_cast<uint8_t>(bytes[4]), bytes.substr(kOriginHeader + kUuidSize)};
}

Status writeOrigin(At at, XattrSpace space, const sys::FileHandle& handle, std::string_view uuid) {
  const size_t size = kOriginHeader + kUuidSize + handle.bytes.size();
  if (space == XattrSpace::none || size > 255 || handle.type > 255 || uuid.size() != kUuidSize) return success();
  std::string value{'\0', kOriginMagic, static_cast<char>(size), '\0', static_cast<char>(handle.type)};
  value.append(uuid).append(handle.bytes);
  return sys::setXattr(at, nameIn(space, "trusted.overlay.origin", "user.overlay.origin"), value);
}

std::optional<std::string> visibleXattrName(std::string_view stored) {
  for (const auto prefix : kPrivatePrefixes) {
    if (!startsWith(stored, prefix)) continue;
    const auto rest = stored.substr(prefix.size());
    if (!startsWith(rest, kEscape)) return std::nullopt;
    return std::string(prefix).append(rest.substr(kEscape.size()));
  }
  return std::string(stored);
}

std::string storedXattrName(std::string_view visible) {
  for (const auto prefix : kPrivatePrefixes) {
    if (startsWith(visible, prefix)) return std::string(prefix).append(kEscape).append(visible.substr(prefix.size()));
  }
  return std::string(visible);
}

}  // namespace unionfs::marker

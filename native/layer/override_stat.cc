// override_stat.cc - see override_stat.h.
#include "layer/override_stat.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <array>
#include <charconv>

#include "layer/marker.h"
#include "sys/attr.h"
#include "sys/creds.h"
#include "sys/open.h"
#include "sys/xattr.h"

namespace unionfs {

namespace {

constexpr mode_t kPermissions = 07777;

// In this order they are looked for; containers/fuse-overlayfs, direct.c.
struct KindName {
  OverrideKind kind;
  const char* xattr;
};
constexpr std::array<KindName, 3> kNames = {{
    {OverrideKind::privileged, "security.fuseoverlayfs.override_stat"},
    {OverrideKind::containers, "user.containers.override_stat"},
    {OverrideKind::fuseoverlayfs, "user.fuseoverlayfs.override_stat"},
}};

const char* xattrOf(OverrideKind kind) {
  for (const auto& [each, xattr] : kNames) {
    if (each == kind) return xattr;
  }
  return "";
}

// In layers of this kind, xattrs that are not the user's to set on disk lie under this prefix.
constexpr std::string_view kHeldPrefix = "user.containers.override_";

struct TypeWord {
  mode_t type;
  std::string_view word;
};
constexpr std::array<TypeWord, 4> kTypeWords = {{{S_IFIFO, "pipe"}, {S_IFSOCK, "socket"}, {S_IFCHR, "char"}, {S_IFBLK, "block"}}};

bool isDevice(mode_t type) { return type == S_IFCHR || type == S_IFBLK; }

// The number `text` begins with, which ends at `end` or with the text; both are taken away.
std::optional<uint32_t> takeNumber(std::string_view& text, char end, int base) {
  uint32_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(rest - text.data()));
  if (text.empty()) return value;
  if (text.front() != end) return std::nullopt;
  text.remove_prefix(1);
  return value;
}

// "pipe", "char-MAJOR-MINOR" ... What is none of these leaves the file what it is, and so does the device 0:0, which is a
// deletion where it is made for real.
void takeType(std::string_view text, OverrideStat& stat) {
  text = text.substr(0, text.find(':'));
  for (const auto& [type, word] : kTypeWords) {
    if (!text.starts_with(word)) continue;
    std::string_view rest = text.substr(word.size());
    if (!isDevice(type)) {
      if (rest.empty()) stat.type = type;
      return;
    }
    if (!rest.starts_with('-')) return;
    rest.remove_prefix(1);
    const auto major = takeNumber(rest, '-', 10);
    const auto minor = takeNumber(rest, ':', 10);
    if (!major || !minor || (*major == 0 && *minor == 0)) return;
    stat.type = type;
    stat.rdev = makedev(*major, *minor);
    return;
  }
}

// Open to the daemon, and to nobody else for writing: groups of the inode are not those that are shown.
mode_t openMode(mode_t shown) { return (S_ISDIR(shown) ? 0700U : 0600U) | (shown & 0755U); }

}  // namespace

std::string encodeOverride(const OverrideStat& stat) {
  std::array<char, 16> octal{};
  char* const end = std::to_chars(octal.data(), octal.data() + octal.size(), stat.mode & kPermissions, 8).ptr;
  const std::string digits(octal.data(), end);
  std::string value = std::to_string(stat.uid) + ":" + std::to_string(stat.gid) + ":";
  value.append(digits.size() < 4 ? 4 - digits.size() : 0, '0').append(digits);
  for (const auto& [type, word] : kTypeWords) {
    if (type != stat.type) continue;
    value.append(":").append(word);
    if (isDevice(type)) value += "-" + std::to_string(major(stat.rdev)) + "-" + std::to_string(minor(stat.rdev));
  }
  return value;
}

std::optional<OverrideStat> decodeOverride(std::string_view value) {
  // Some writers end it as C ends a string.
  value = value.substr(0, value.find('\0'));
  const auto uid = takeNumber(value, ':', 10);
  const auto gid = takeNumber(value, ':', 10);
  const auto mode = takeNumber(value, ':', 8);
  if (!uid || !gid || !mode) return std::nullopt;
  OverrideStat stat{.uid = *uid, .gid = *gid, .mode = *mode & kPermissions};
  takeType(value, stat);
  return stat;
}

Overrides::Overrides(OverrideKind kind, uid_t rootOwner) : kind_(kind), self_(sys::ownUid()), rootOwner_(rootOwner) {
  // Who mounts for all users of the machine must not take one user's word for what is another's.
  if (self_ == 0 && sys::inInitialUserNamespace()) rootOwner_ = 0;
}

Result<Overrides> Overrides::ofRoot(int root, uid_t rootOwner) {
  for (const auto& [kind, xattr] : kNames) {
    const auto value = sys::getXattr({root, ""}, xattr);
    if (value.ok()) return Overrides(kind, rootOwner);
    const bool absent = value.failsWith(ENODATA) || value.failsWith(EACCES) || value.failsWith(EPERM) || meansUnsupported(value.error());
    if (!absent) return value.error();
  }
  return Overrides();
}

Result<sys::Stat> Overrides::stat(At at) const {
  TRY_ASSIGN(sys::Stat stat, sys::stat(at));
  TRY(apply(at, stat));
  return stat;
}

// An xattr of the `user` namespace is written by whoever may write the file. It counts where that is one whose files the layer
// is made of, or where he says of his own file what chmod would do.
bool Overrides::believes(const OverrideStat& kept, const sys::Stat& real) const {
  if (kind_ == OverrideKind::privileged || real.uid == self_ || real.uid == rootOwner_) return true;
  return kept.uid == real.uid && kept.gid == real.gid && !isDevice(kept.type);
}

Status Overrides::apply(At at, sys::Stat& stat) const {
  if (kind_ == OverrideKind::none) return success();
  if (kind_ != OverrideKind::privileged && !stat.isRegular() && !stat.isDir()) return success();
  const auto value = sys::getXattr(at, xattrOf(kind_));
  if (value.failsWith(ENODATA) || value.failsWith(EACCES)) return success();
  if (!value.ok()) return meansUnsupported(value.error()) ? success() : Status(value.error());
  const auto kept = decodeOverride(*value);
  if (!kept) return Errno(EINVAL);
  if (!believes(*kept, stat)) return success();
  const bool othersWrite = kind_ != OverrideKind::privileged && (stat.mode & (S_IWGRP | S_IWOTH)) != 0;
  const bool standsForAnother = stat.isRegular() && stat.size == 0 && kept->type != 0;
  const mode_t type = standsForAnother ? kept->type : stat.mode & S_IFMT;
  stat.uid = kept->uid;
  stat.gid = kept->gid;
  if (!S_ISLNK(type)) stat.mode = type | kept->mode;
  if (othersWrite && !S_ISDIR(type)) stat.mode &= ~static_cast<mode_t>(S_ISUID | S_ISGID);
  if (standsForAnother) stat.rdev = kept->rdev;
  return success();
}

Status Overrides::write(At at, const sys::Stat& shown) const {
  const mode_t type = shown.mode & S_IFMT;
  if (type == S_IFLNK && kind_ != OverrideKind::privileged) {
    const auto given = sys::chown(at, shown.uid, shown.gid);
    return given.failsWith(EPERM) || given.failsWith(EINVAL) || given.failsWith(EOPNOTSUPP) ? success() : given;
  }
  const bool special = type != S_IFREG && type != S_IFDIR && type != S_IFLNK;
  const OverrideStat kept{
      .uid = shown.uid, .gid = shown.gid, .mode = shown.mode & kPermissions, .type = special ? type : 0, .rdev = special ? shown.rdev : 0};
  TRY(sys::setXattr(at, xattrOf(kind_), encodeOverride(kept)));
  TRY_ASSIGN(const sys::Stat real, sys::stat(at));
  if (real.uid != self_) TRY(sys::chown(at, self_, std::nullopt));
  if (type == S_IFLNK || (real.mode & kPermissions) == openMode(shown.mode)) return success();
  return sys::chmod(at, openMode(shown.mode));
}

mode_t Overrides::realMode(mode_t mode) const {
  const mode_t type = mode & S_IFMT;
  if (kind_ == OverrideKind::none || type == S_IFREG || type == S_IFDIR || type == S_IFLNK) return mode;
  return S_IFREG | (mode & kPermissions);
}

// Only what a user may have set under the name shows: neither the host's own labels nor names of another layer's form.
std::optional<std::string> Overrides::visibleXattrName(std::string_view stored) const {
  if (kind_ != OverrideKind::containers) return marker::visibleXattrName(stored);
  if (stored == xattrOf(kind_)) return std::nullopt;
  const bool held = stored.starts_with(kHeldPrefix);
  auto name = held ? std::optional<std::string>(stored.substr(kHeldPrefix.size())) : marker::visibleXattrName(stored);
  return name && storedXattrName(*name) == stored ? std::move(name) : std::nullopt;
}

std::string Overrides::storedXattrName(std::string_view visible) const {
  std::string stored = marker::storedXattrName(visible);
  const bool held = visible.starts_with("security.") || visible.starts_with(kHeldPrefix) || stored != visible;
  if (kind_ != OverrideKind::containers || !held) return stored;
  return std::string(kHeldPrefix).append(visible);
}

}  // namespace unionfs

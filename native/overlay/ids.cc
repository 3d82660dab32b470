#include "overlay/ids.h"

#include <utility>

namespace unionfs {

namespace {

// struct posix_acl_xattr_header and _entry (linux/posix_acl_xattr.h), little-endian: a version, then entries of tag,
// permissions and id.
constexpr size_t kAclHeader = 4;
constexpr size_t kAclEntry = 8;
constexpr size_t kAclId = 4;
constexpr uint16_t kAclUser = 0x02, kAclGroup = 0x08;

uint32_t readLittle(const char* at, size_t size) {
  uint32_t value = 0;
  for (size_t i = 0; i < size; ++i) value |= static_cast<uint32_t>(static_cast<unsigned char>(at[i])) << (8 * i);
  return value;
}

void writeLittle(char* at, uint32_t value) {
  for (size_t i = 0; i < sizeof value; ++i) at[i] = static_cast<char>(value >> (8 * i));
}

// Puts the id that `translate` gives in the place of each named user or group.
template <typename Translate>
std::string translateAcl(std::string value, Translate&& translate) {
  for (size_t at = kAclHeader; at + kAclEntry <= value.size(); at += kAclEntry) {
    const uint32_t tag = readLittle(&value[at], 2);
    if (tag != kAclUser && tag != kAclGroup) continue;
    writeLittle(&value[at + kAclId], translate(tag == kAclUser, readLittle(&value[at + kAclId], 4)));
  }
  return value;
}

}  // namespace

IdMap::IdMap(std::vector<IdRange> ranges, std::optional<uint32_t> squash, uint32_t overflow)
    : ranges_(std::move(ranges)), squash_(squash), overflow_(overflow), identity_(ranges_.empty() && !squash) {}

uint32_t IdMap::shown(uint32_t onDisk) const {
  if (squash_) return *squash_;
  if (ranges_.empty()) return onDisk;
  for (const IdRange& range : ranges_) {
    if (onDisk >= range.onDisk && onDisk - range.onDisk < range.count) return range.presented + (onDisk - range.onDisk);
  }
  return overflow_;
}

uint32_t IdMap::stored(uint32_t presented) const {
  if (ranges_.empty()) return presented;
  for (const IdRange& range : ranges_) {
    if (presented >= range.presented && presented - range.presented < range.count) return range.onDisk + (presented - range.presented);
  }
  return overflow_;
}

void Owners::show(Attr& attr) const {
  if (isIdentity()) return;
  attr.uid = users.shown(attr.uid);
  attr.gid = groups.shown(attr.gid);
}

Caller Owners::store(Caller caller) const {
  caller.uid = users.stored(caller.uid);
  caller.gid = groups.stored(caller.gid);
  return caller;
}

AttrChange Owners::store(AttrChange change) const {
  if (users.squashes()) change.uid.reset();
  if (groups.squashes()) change.gid.reset();
  if (change.uid) change.uid = users.stored(*change.uid);
  if (change.gid) change.gid = groups.stored(*change.gid);
  return change;
}

std::string Owners::showAcl(std::string value) const {
  return translateAcl(std::move(value), [this](bool user, uint32_t id) { return (user ? users : groups).shown(id); });
}

std::string Owners::storeAcl(std::string value) const {
  return translateAcl(std::move(value), [this](bool user, uint32_t id) { return (user ? users : groups).stored(id); });
}

bool namesOwners(std::string_view xattr) { return xattr == "system.posix_acl_access" || xattr == "system.posix_acl_default"; }

}  // namespace unionfs

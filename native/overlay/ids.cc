#include "overlay/ids.h"

#include <utility>

#include "overlay/acl.h"

namespace unionfs {

namespace {

// Puts the id that `translate` gives in the place of each named user or group.
template <typename Translate>
std::string translateAcl(std::string value, Translate&& translate) {
  acl::forEachEntry(value, [&translate](uint16_t tag, char*, char* id) {
    constexpr size_t kIdBytes = 4;
    if (tag == acl::kUser || tag == acl::kGroup)
      acl::writeLittle(id, translate(tag == acl::kUser, acl::readLittle(id, kIdBytes)), kIdBytes);
  });
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

}  // namespace unionfs

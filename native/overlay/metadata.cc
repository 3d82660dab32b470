#include "overlay/metadata.h"

#include <string>

#include "overlay/acl.h"
#include "sys/attr.h"
#include "sys/xattr.h"

namespace unionfs {

namespace {

constexpr const char* kCapability = "security.capability";

bool mustBeCopied(std::string_view name) { return name.starts_with("security.") || acl::isName(name); }

Status writeXattr(const Overrides& overrides, At to, const std::string& name, const std::string& value) {
  const std::string stored = overrides.storedXattrName(name);
  const bool opened = overrides && name == acl::kAccess;
  const auto set = sys::setXattr(to, stored.c_str(), opened ? acl::openToOwner(value) : value);
  if (!set.ok() && meansUnsupported(set.error()) && !mustBeCopied(name)) return success();
  return set;
}

}  // namespace

const Owners* ownersToStore(const OverlayState& state, LayerIndex layer) {
  const bool mapped = state.stack->layer(layer).ownersAreMapped();
  return mapped && !state.options.owners.isIdentity() ? &state.options.owners : nullptr;
}

void storeOwners(Metadata& metadata, const Owners& owners) {
  metadata.stat.uid = owners.users.stored(metadata.stat.uid);
  metadata.stat.gid = owners.groups.stored(metadata.stat.gid);
  for (auto& [name, value] : metadata.xattrs) {
    if (acl::isName(name)) value = owners.storeAcl(std::move(value));
  }
}

Result<Metadata> readMetadata(const Layer& layer, At from, const sys::Stat& stat) {
  const Overrides& overrides = layer.overrides();
  Metadata metadata{stat, {}};
  TRY_ASSIGN(const std::string names, sys::listXattr(from));
  for (const std::string_view stored : sys::namesIn(names)) {
    auto name = overrides.visibleXattrName(stored);
    if (!name) continue;
    auto value = sys::getXattr(from, stored.data());
    if (value.failsWith(ENODATA)) continue;
    TRY(value);
    if (overrides && *name == acl::kAccess) *value = acl::withBits(std::move(*value), stat.mode);
    metadata.xattrs.emplace_back(std::move(*name), std::move(*value));
  }
  return metadata;
}

namespace {

// EINVAL is of an id that the user namespace has no name for: what cannot be said cannot be copied. The kernel's word for it
// is EOVERFLOW. Linux: fs/overlayfs/copy_up.c:ovl_copy_up_one().
Status giveTo(At to, uid_t uid, gid_t gid) {
  const auto given = sys::chown(to, uid, gid);
  return given.failsWith(EINVAL) ? Status(Errno(EOVERFLOW)) : given;
}

}  // namespace

Status writeMetadata(const Overrides& overrides, const Metadata& metadata, At to) {
  const sys::Stat& stat = metadata.stat;
  const std::string* capability = nullptr;
  if (!overrides) TRY(giveTo(to, stat.uid, stat.gid));
  for (const auto& [name, value] : metadata.xattrs) {
    if (name == kCapability)
      capability = &value;
    else
      TRY(writeXattr(overrides, to, name, value));
  }
  if (overrides)
    TRY(overrides.write(to, stat));
  else if (!S_ISLNK(stat.mode))
    TRY(sys::chmod(to, stat.mode & 07777U));
  if (capability != nullptr) TRY(writeXattr(overrides, to, kCapability, *capability));
  const sys::TimeSpecOrNow atime{false, stat.atime}, mtime{false, stat.mtime};
  return sys::utimens(to, atime, mtime);
}

}  // namespace unionfs

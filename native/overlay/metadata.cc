#include "overlay/metadata.h"

#include <string>

#include "layer/marker.h"
#include "sys/attr.h"
#include "sys/xattr.h"

namespace unionfs {

namespace {

constexpr const char* kCapability = "security.capability";

bool mustBeCopied(std::string_view name) { return name.starts_with("security.") || name.starts_with("system.posix_acl_"); }

Status writeXattr(At to, const std::string& name, const std::string& value) {
  const auto set = sys::setXattr(to, name.c_str(), value);
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
    if (namesOwners(name)) value = owners.storeAcl(std::move(value));
  }
}

Result<Metadata> readMetadata(At from, const sys::Stat& stat) {
  Metadata metadata{stat, {}};
  TRY_ASSIGN(const std::string names, sys::listXattr(from));
  for (size_t begin = 0; begin < names.size();) {
    std::string name(names.c_str() + begin);
    begin += name.size() + 1;
    if (!marker::visibleXattrName(name)) continue;
    auto value = sys::getXattr(from, name.c_str());
    if (value.failsWith(ENODATA)) continue;
    TRY(value);
    metadata.xattrs.emplace_back(std::move(name), std::move(*value));
  }
  return metadata;
}

Status writeMetadata(const Metadata& metadata, At to) {
  const sys::Stat& stat = metadata.stat;
  const std::string* capability = nullptr;
  TRY(sys::chown(to, stat.uid, stat.gid));
  for (const auto& [name, value] : metadata.xattrs) {
    if (name == kCapability)
      capability = &value;
    else
      TRY(writeXattr(to, name, value));
  }
  if (!S_ISLNK(stat.mode)) TRY(sys::chmod(to, stat.mode & 07777U));
  if (capability != nullptr) TRY(writeXattr(to, kCapability, *capability));
  const sys::TimeSpecOrNow atime{false, stat.atime}, mtime{false, stat.mtime};
  return sys::utimens(to, atime, mtime);
}

}  // namespace unionfs

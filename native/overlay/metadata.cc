#include "overlay/metadata.h"

#include <string>

#include "layer/marker.h"
#include "sys/attr.h"
#include "sys/xattr.h"

namespace unionfs {

namespace {

constexpr const char* kCapability = "security.capability";

bool mustBeCopied(std::string_view name) { return name.starts_with("security.") || name.starts_with("system.posix_acl_"); }

Status copyXattr(At from, At to, const std::string& name, const Owners* owners = nullptr) {
  auto value = sys::getXattr(from, name.c_str());
  if (value.failsWith(ENODATA)) return success();
  TRY(value);
  if (owners != nullptr && namesOwners(name)) value = owners->storeAcl(std::move(*value));
  const auto set = sys::setXattr(to, name.c_str(), *value);
  if (!set.ok() && meansUnsupported(set.error()) && !mustBeCopied(name)) return success();
  return set;
}

// Calls `visit` for each xattr a user of the union can see.
template <typename Visit>
Status forEachVisibleXattr(At from, Visit&& visit) {
  TRY_ASSIGN(const std::string names, sys::listXattr(from));
  for (size_t begin = 0; begin < names.size();) {
    const std::string name(names.c_str() + begin);
    begin += name.size() + 1;
    if (marker::visibleXattrName(name)) TRY(visit(name));
  }
  return success();
}

}  // namespace

const Owners* ownersToStore(const OverlayState& state, LayerIndex layer) {
  const bool mapped = state.stack->layer(layer).ownersAreMapped();
  return mapped && !state.options.owners.isIdentity() ? &state.options.owners : nullptr;
}

Status copyMetadata(At from, const sys::Stat& stat, At to, const Owners* owners) {
  bool hasCapability = false;
  const bool asShown = owners == nullptr;
  TRY(sys::chown(to, asShown ? stat.uid : owners->users.stored(stat.uid), asShown ? stat.gid : owners->groups.stored(stat.gid)));
  TRY(forEachVisibleXattr(from, [&](const std::string& name) -> Status {
    if (name == kCapability) {
      hasCapability = true;
      return success();
    }
    return copyXattr(from, to, name, owners);
  }));
  if (!S_ISLNK(stat.mode)) TRY(sys::chmod(to, stat.mode & 07777U));
  if (hasCapability) TRY(copyXattr(from, to, kCapability));
  const sys::TimeSpecOrNow atime{false, stat.atime}, mtime{false, stat.mtime};
  return sys::utimens(to, atime, mtime);
}

}  // namespace unionfs

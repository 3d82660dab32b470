#include "sys/xattr.h"

#include <sys/xattr.h>

#include "layer/marker.h"
#include "overlay/acl.h"
#include "overlay/copy_up.h"
#include "overlay/hardlink.h"
#include "overlay/locate.h"
#include "overlay/recall.h"
#include "survey/xattr_census.h"
#include "sys/attr.h"
#include "sys/creds.h"

namespace unionfs {

namespace {

constexpr const char* kCapability = "security.capability";

}  // namespace

Result<std::string> Overlay::getxattr(NodeId node, const std::string& name) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  const TreeLock tree(state.renameMu);
  if (const auto missing = recallMissingXattr(state, *inode, marker::storedXattrName(name))) return *missing;
  auto value = withTop(state, *inode, [&name](const Layer& layer, At at) -> Result<std::string> {
    const Overrides& overrides = layer.overrides();
    TRY_ASSIGN(std::string found, sys::getXattr(at, overrides.storedXattrName(name).c_str()));
    if (!overrides || name != acl::kAccess) return found;
    TRY_ASSIGN(const sys::Stat shown, overrides.stat(at));
    return acl::withBits(std::move(found), shown.mode);
  });
  const Owners& owners = state.options.owners;
  if (!value.ok() || owners.isIdentity() || !acl::isName(name)) return value;
  return owners.showAcl(std::move(*value));
}

namespace {

// The names a user sees, of those the layer has.
std::string visibleNames(const Overrides& overrides, const Caller& caller, const std::string& stored) {
  std::string visible;
  for (const std::string_view name : sys::namesIn(stored)) {
    if (caller.uid != 0 && name.starts_with("trusted.")) continue;
    if (const auto shown = overrides.visibleXattrName(name)) visible.append(*shown).push_back('\0');
  }
  return visible;
}

}  // namespace

Result<std::string> Overlay::listxattr(const Caller& caller, NodeId node) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  const TreeLock tree(state.renameMu);
  if (recallNoXattrs(state, *inode)) return std::string();
  return withTop(state, *inode, [&caller](const Layer& layer, At at) -> Result<std::string> {
    TRY_ASSIGN(const std::string stored, sys::listXattr(at));
    return visibleNames(layer.overrides(), caller, stored);
  });
}

namespace {

// FUSE_SETXATTR_ACL_KILL_SGID: the caller is not in the file's group, so a new access ACL takes the setgid bit away.
Status clearSetgid(OverlayState& state, Inode& inode) {
  TRY_ASSIGN(const sys::Stat stat, statInode(state, inode));
  if ((stat.mode & S_ISGID) == 0) return success();
  return withPlace(state, inode, [&stat](At at) { return sys::chmod(at, stat.mode & 07777U & ~static_cast<mode_t>(S_ISGID)); });
}

// Where modes are kept in an xattr: the bits an access ACL says go there, too, and the daemon can open the file whatever they
// are. Precondition: inode.timesMu held.
Status setKeptAcl(const Overrides& overrides, At at, const std::string& value, int flags, bool killSgid) {
  TRY_ASSIGN(sys::Stat shown, overrides.stat(at));
  TRY(sys::setXattr(at, acl::kAccess, acl::openToOwner(value), flags));
  shown.mode = acl::bitsFrom(value, shown.mode);
  if (killSgid) shown.mode &= ~static_cast<mode_t>(S_ISGID);
  return overrides.write(at, shown);
}

int flagsOf(XattrSetMode mode) {
  switch (mode) {
    case XattrSetMode::create:
      return XATTR_CREATE;
    case XattrSetMode::replace:
      return XATTR_REPLACE;
    case XattrSetMode::any:
      break;
  }
  return 0;
}

}  // namespace

Status Overlay::setxattr(const Caller& caller, NodeId node, const std::string& name, std::string_view asked, XattrSetMode mode,
                         bool killSgid) {
  OverlayState& state = *state_;
  TRY(state.requireWritable());
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  TRY(copyUp(state, caller, inode));
  static_cast<void>(settleHardlinks(state));  // logged
  sys::actAsSelf();
  const Overrides& overrides = state.overrides();
  const std::string stored = overrides.storedXattrName(name);
  if (overrides && name == kCapability) state.dataFds.drop({inode->id, 0});  // the next write takes it away
  const bool mapped = !state.options.owners.isIdentity() && acl::isName(name);
  const std::string value = mapped ? state.options.owners.storeAcl(std::string(asked)) : std::string(asked);
  return state.retryWhenFull([&]() -> Status {
    const TreeLock tree(state.renameMu);
    if (overrides && name == acl::kAccess) {
      const std::lock_guard owner(inode->timesMu);
      return state.noteUpper(withPlace(state, *inode, [&](At at) { return setKeptAcl(overrides, at, value, flagsOf(mode), killSgid); }),
                             "setxattr");
    }
    TRY(state.noteUpper(withPlace(state, *inode, [&](At at) { return sys::setXattr(at, stored.c_str(), value, flagsOf(mode)); }),
                        "setxattr"));
    return killSgid ? clearSetgid(state, *inode) : success();
  });
}

Status Overlay::removexattr(const Caller& caller, NodeId node, const std::string& name) {
  OverlayState& state = *state_;
  TRY(state.requireWritable());
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  {
    // Nothing to remove is no reason for a copy. Linux: fs/overlayfs/xattrs.c:ovl_xattr_set().
    const TreeLock tree(state.renameMu);
    TRY(withTop(state, *inode,
                [&name](const Layer& layer, At at) { return sys::getXattr(at, layer.overrides().storedXattrName(name).c_str()); }));
  }
  const std::string stored = state.overrides().storedXattrName(name);
  TRY(copyUp(state, caller, inode));
  static_cast<void>(settleHardlinks(state));  // logged
  sys::actAsSelf();
  const TreeLock tree(state.renameMu);
  return state.noteUpper(withPlace(state, *inode, [&stored](At at) { return sys::removeXattr(at, stored.c_str()); }), "removexattr");
}

Result<bool> Overlay::showsXattrs(const std::function<bool(size_t)>& goOn) const {
  const LayerStack& stack = *state_->stack;
  for (LayerIndex layer = stack.firstIndex(); layer < stack.size(); ++layer) {
    TRY_ASSIGN(const bool shown, unionfs::showsXattrs(stack.layer(layer), goOn));
    if (shown) return true;
  }
  return false;
}

}  // namespace unionfs

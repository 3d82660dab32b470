#include "sys/xattr.h"

#include <sys/xattr.h>

#include "layer/marker.h"
#include "overlay/copy_up.h"
#include "overlay/hardlink.h"
#include "overlay/locate.h"
#include "overlay/recall.h"
#include "sys/attr.h"
#include "sys/creds.h"

namespace unionfs {

Result<std::string> Overlay::getxattr(NodeId node, const std::string& name) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  const std::string stored = marker::storedXattrName(name);
  const TreeLock tree(state.renameMu);
  if (const auto missing = recallMissingXattr(state, *inode, stored)) return *missing;
  auto value = withPlace(state, *inode, [&stored](At at) { return sys::getXattr(at, stored.c_str()); });
  const Owners& owners = state.options.owners;
  if (!value.ok() || owners.isIdentity() || !namesOwners(name)) return value;
  return owners.showAcl(std::move(*value));
}

Result<std::string> Overlay::listxattr(const Caller& caller, NodeId node) {
  OverlayState& state = *state_;
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  std::string stored;
  {
    const TreeLock tree(state.renameMu);
    if (!recallNoXattrs(state, *inode)) {
      TRY_ASSIGN(stored, withPlace(state, *inode, [](At at) { return sys::listXattr(at); }));
    }
  }
  std::string visible;
  for (size_t begin = 0; begin < stored.size();) {
    const std::string_view name(stored.c_str() + begin);
    begin += name.size() + 1;
    if (caller.uid != 0 && name.starts_with("trusted.")) continue;
    if (const auto shown = marker::visibleXattrName(name)) visible.append(*shown).push_back('\0');
  }
  return visible;
}

namespace {

// FUSE_SETXATTR_ACL_KILL_SGID: the caller is not in the file's group, so a new access ACL takes the setgid bit away.
Status clearSetgid(OverlayState& state, Inode& inode) {
  TRY_ASSIGN(const sys::Stat stat, statInode(state, inode));
  if ((stat.mode & S_ISGID) == 0) return success();
  return withPlace(state, inode, [&stat](At at) { return sys::chmod(at, stat.mode & 07777U & ~static_cast<mode_t>(S_ISGID)); });
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
  const std::string stored = marker::storedXattrName(name);
  const bool mapped = !state.options.owners.isIdentity() && namesOwners(name);
  const std::string value = mapped ? state.options.owners.storeAcl(std::string(asked)) : std::string(asked);
  return state.retryWhenFull([&]() -> Status {
    const TreeLock tree(state.renameMu);
    TRY(state.noteUpper(withPlace(state, *inode, [&](At at) { return sys::setXattr(at, stored.c_str(), value, flagsOf(mode)); }),
                        "setxattr"));
    return killSgid ? clearSetgid(state, *inode) : success();
  });
}

Status Overlay::removexattr(const Caller& caller, NodeId node, const std::string& name) {
  OverlayState& state = *state_;
  TRY(state.requireWritable());
  TRY_ASSIGN(const InodeRef inode, state.table.find(node));
  const std::string stored = marker::storedXattrName(name);
  {
    // Nothing to remove is no reason for a copy. Linux: fs/overlayfs/xattrs.c:ovl_xattr_set().
    const TreeLock tree(state.renameMu);
    TRY(withPlace(state, *inode, [&stored](At at) { return sys::getXattr(at, stored.c_str()); }));
  }
  TRY(copyUp(state, caller, inode));
  static_cast<void>(settleHardlinks(state));  // logged
  sys::actAsSelf();
  const TreeLock tree(state.renameMu);
  return state.noteUpper(withPlace(state, *inode, [&stored](At at) { return sys::removeXattr(at, stored.c_str()); }), "removexattr");
}

}  // namespace unionfs

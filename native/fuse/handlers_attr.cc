// handlers_attr.cc - attributes, extended attributes, inode flags.
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include <algorithm>

#include "fuse/handlers.h"
#include "fuse/xattr_silence.h"
#include "overlay/acl.h"

namespace unionfs::handlers {
namespace {

Time wireTime(uint64_t seconds, uint32_t nanoseconds) { return {.sec = static_cast<int64_t>(seconds), .nsec = nanoseconds}; }

// FATTR_CTIME is not looked at: no filesystem lets a ctime be chosen.
Result<AttrChange> decodeChange(const abi::SetattrIn& in) {
  namespace fattr = abi::fattr;
  const auto has = [&](uint32_t bit) { return (in.valid & bit) != 0; };
  constexpr uint32_t kBillion = 1'000'000'000;
  if (in.atimensec >= kBillion || in.mtimensec >= kBillion) return Errno(EINVAL);
  AttrChange change;
  if (has(fattr::kMode)) change.mode = static_cast<mode_t>(in.mode);
  if (has(fattr::kUid)) change.uid = in.uid;
  if (has(fattr::kGid)) change.gid = in.gid;
  if (has(fattr::kSize)) change.size = in.size;
  if (has(fattr::kAtime)) change.atime = TimeChange{.now = has(fattr::kAtimeNow), .at = wireTime(in.atime, in.atimensec)};
  if (has(fattr::kMtime)) change.mtime = TimeChange{.now = has(fattr::kMtimeNow), .at = wireTime(in.mtime, in.mtimensec)};
  change.killPrivileges = has(fattr::kKillSuidgid);
  change.onlyKeptTimes = (in.valid & ~uint32_t{fattr::kFh}) == (fattr::kMtime | fattr::kCtime);
  return change;
}

// Text of the engine as the answer, through the thread's buffer.
Status putCopied(Call& call, std::string_view text) {
  const auto large = call.reply.large();
  if (text.size() > large.size()) return Errno(E2BIG);
  std::memcpy(large.data(), text.data(), text.size());
  call.reply.putBytes(large.first(text.size()));
  return success();
}

// Size 0 asks how large the value is.
Status putSized(Call& call, std::string_view value, uint32_t size) {
  if (size == 0) {
    call.reply.put(abi::GetxattrOut{.size = static_cast<uint32_t>(value.size()), .padding = 0});
    return success();
  }
  if (value.size() > size) return Errno(ERANGE);
  return putCopied(call, value);
}

struct FlagPair {
  uint32_t flag, xflag;
};
// The flags that both forms of the inode flags can say.
constexpr FlagPair kCommonFlags[] = {
    {FS_SYNC_FL, FS_XFLAG_SYNC},     {FS_IMMUTABLE_FL, FS_XFLAG_IMMUTABLE}, {FS_APPEND_FL, FS_XFLAG_APPEND},
    {FS_NODUMP_FL, FS_XFLAG_NODUMP}, {FS_NOATIME_FL, FS_XFLAG_NOATIME},
};

uint32_t toXflags(uint32_t flags) {
  uint32_t xflags = 0;
  for (const FlagPair& pair : kCommonFlags) xflags |= (flags & pair.flag) != 0 ? pair.xflag : 0;
  return xflags;
}

void noteAbsence(Call& call) {
  if (call.connection.silence != nullptr) call.connection.silence->noteAbsence();
}

void putIoctl(Call& call) { call.reply.put(abi::IoctlOut{.result = 0, .flags = 0, .in_iovs = 0, .out_iovs = 0}); }

Status getFlags(Call& call) {
  TRY_ASSIGN(const uint32_t flags, call.overlay().getFlags(call.node()));
  putIoctl(call);
  call.reply.put(flags);
  return success();
}

Status setFlags(Call& call) {
  TRY_ASSIGN(const auto flags, call.arguments.take<uint32_t>());
  TRY(call.overlay().setFlags(call.request.caller(), call.node(), flags));
  putIoctl(call);
  return success();
}

// The kernel asks for this form before it sets either.
Status getXflags(Call& call) {
  TRY_ASSIGN(const uint32_t flags, call.overlay().getFlags(call.node()));
  abi::Fsxattr out{};
  out.xflags = toXflags(flags);
  putIoctl(call);
  call.reply.put(out);
  return success();
}

// Projects and extent sizes are not carried.
Status setXflags(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::Fsxattr>());
  uint32_t known = 0;
  for (const FlagPair& pair : kCommonFlags) known |= pair.xflag;
  if ((in.xflags & ~known) != 0 || in.projid != 0 || in.extsize != 0 || in.cowextsize != 0) return Errno(EOPNOTSUPP);
  TRY_ASSIGN(uint32_t flags, call.overlay().getFlags(call.node()));
  for (const FlagPair& pair : kCommonFlags) flags = (in.xflags & pair.xflag) != 0 ? flags | pair.flag : flags & ~pair.flag;
  TRY(call.overlay().setFlags(call.request.caller(), call.node(), flags));
  putIoctl(call);
  return success();
}

}  // namespace

Status getattr(Call& call) {
  TRY_ASSIGN(const Attr attr, call.overlay().getattr(call.node()));
  call.reply.put(encodeAttrOut(attr, call.connection.validity));
  return success();
}

Status setattr(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::SetattrIn>());
  TRY_ASSIGN(AttrChange change, decodeChange(in));
  // A SETATTR of nothing comes before a write through passthrough that takes set-id bits or a capability away: which, it
  // does not say. The kernel removes the capability itself; the bits are kept by who may have the right to.
  if (in.valid == 0) change.killPrivileges = call.request.caller().uid != 0;
  TRY_ASSIGN(const Attr attr, call.overlay().setattr(call.request.caller(), call.node(), change));
  call.reply.put(encodeAttrOut(attr, call.connection.validity));
  return success();
}

Status statx(Call& call) {
  TRY_ASSIGN(const Attr attr, call.overlay().getattr(call.node()));
  call.reply.put(encodeStatx(attr, call.connection.validity));
  return success();
}

Status statfs(Call& call) {
  TRY_ASSIGN(const StatFs stat, call.overlay().statfs(call.node()));
  call.reply.put(encodeStatfs(stat));
  return success();
}

Status readlink(Call& call) {
  TRY_ASSIGN(const std::string target, call.overlay().readlink(call.node()));
  return putCopied(call, target);
}

Status getxattr(Call& call) {
  if (!call.connection.xattrs) return Errno(ENOSYS);  // the kernel then asks no more
  TRY_ASSIGN(const auto in, call.arguments.take<abi::GetxattrIn>());
  TRY_ASSIGN(const std::string_view name, call.arguments.takeText(kNameMax));
  const XattrSilence* silence = call.connection.silence;
  // Not of an ACL: the permission check for which the kernel asks would fail. Linux: fs/fuse/acl.c:__fuse_get_acl().
  if (silence != nullptr && silence->holds() && !acl::isName(name)) return Errno(ENOSYS);
  const auto value = call.overlay().getxattr(call.node(), std::string(name));
  if (value.failsWith(ENODATA) || value.failsWith(EOPNOTSUPP)) noteAbsence(call);
  TRY(value);
  return putSized(call, *value, in.size);
}

Status listxattr(Call& call) {
  const XattrSilence* silence = call.connection.silence;
  if (!call.connection.xattrs || (silence != nullptr && silence->holds())) return Errno(ENOSYS);
  TRY_ASSIGN(const auto in, call.arguments.take<abi::GetxattrIn>());
  TRY_ASSIGN(const std::string names, call.overlay().listxattr(call.request.caller(), call.node()));
  if (names.empty()) noteAbsence(call);
  return putSized(call, names, in.size);
}

Status setxattr(Call& call) {
  if (!call.connection.xattrs) return Errno(ENOSYS);  // the kernel then asks no more
  const bool extended = call.connection.agreed.has(abi::init::kSetxattrExt);
  TRY_ASSIGN(const auto in, call.arguments.take<abi::SetxattrIn>(extended ? sizeof(abi::SetxattrIn) : abi::kSetxattrInOldSize));
  TRY_ASSIGN(const std::string_view name, call.arguments.takeText(kNameMax));
  TRY_ASSIGN(const auto value, call.arguments.takeBytes(in.size));
  XattrSetMode mode = XattrSetMode::any;
  if (in.flags == XATTR_CREATE)
    mode = XattrSetMode::create;
  else if (in.flags == XATTR_REPLACE)
    mode = XattrSetMode::replace;
  else if (in.flags != 0)
    return Errno(EINVAL);
  const std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
  const bool killSgid = (in.setxattr_flags & abi::kSetxattrAclKillSgid) != 0;
  return call.overlay().setxattr(call.request.caller(), call.node(), std::string(name), text, mode, killSgid);
}

Status removexattr(Call& call) {
  if (!call.connection.xattrs) return Errno(ENOSYS);  // the kernel then asks no more
  TRY_ASSIGN(const std::string_view name, call.arguments.takeText(kNameMax));
  return call.overlay().removexattr(call.request.caller(), call.node(), std::string(name));
}

Status ioctl(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::IoctlIn>());
  // The kernel takes an answer of exactly the size it announced.
  switch (in.cmd) {
    case FS_IOC_GETFLAGS:
      return in.out_size == sizeof(uint32_t) ? getFlags(call) : Status(Errno(ENOTTY));
    case FS_IOC_SETFLAGS:
      return in.in_size == sizeof(uint32_t) ? setFlags(call) : Status(Errno(ENOTTY));
    case FS_IOC_FSGETXATTR:
      return in.out_size == sizeof(abi::Fsxattr) ? getXflags(call) : Status(Errno(ENOTTY));
    case FS_IOC_FSSETXATTR:
      return in.in_size == sizeof(abi::Fsxattr) ? setXflags(call) : Status(Errno(ENOTTY));
    default:
      return Errno(ENOTTY);
  }
}

}  // namespace unionfs::handlers

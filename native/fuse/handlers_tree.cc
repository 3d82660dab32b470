// handlers_tree.cc - operations that add, move or remove names.
#include <linux/fs.h>
#include <sys/stat.h>

#include "fuse/handlers.h"

namespace unionfs::handlers {
namespace {

Status putEntry(Call& call, const Result<Entry>& entry) {
  TRY(entry);
  call.reply.put(encodeEntry(*entry, call.connection.validity));
  return success();
}

Status renameAs(Call& call, NodeId newParent, RenameMode mode) {
  TRY_ASSIGN(const Name from, call.arguments.takeName());
  TRY_ASSIGN(const Name to, call.arguments.takeName());
  return call.overlay().rename(call.request.caller(), call.node(), from, newParent, to, mode);
}

// The second half of CREATE and TMPFILE: an open file on the new node. Its lookup count goes back if that fails,
// since the kernel then never learns of the node.
Status putOpened(Call& call, const Entry& entry, uint32_t flags) {
  abi::OpenOut opened{.fh = handle::kNone, .open_flags = abi::fopen::kKeepCache, .backing_id = 0};
  if (call.connection.backing != nullptr) {
    const auto backed = call.connection.backing->open(call.request.caller(), entry.node, {.raw = static_cast<int>(flags)});
    if (!backed) {
      call.overlay().forget(entry.node, 1);
      return backed.error();
    }
    opened = *backed;
  }
  call.reply.put(encodeEntry(entry, call.connection.validity));
  call.reply.put(opened);
  return success();
}

}  // namespace

Status mknod(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::MknodIn>());
  TRY_ASSIGN(const Name name, call.arguments.takeName());
  const NewNode node{.mode = static_cast<mode_t>(in.mode), .rdev = decodeDevice(in.rdev)};
  return putEntry(call, call.overlay().mknod(call.request.caller(in.umask), call.node(), name, node));
}

Status mkdir(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::MkdirIn>());
  TRY_ASSIGN(const Name name, call.arguments.takeName());
  return putEntry(call, call.overlay().mkdir(call.request.caller(in.umask), call.node(), name, in.mode));
}

Status symlink(Call& call) {
  TRY_ASSIGN(const Name name, call.arguments.takeName());
  TRY_ASSIGN(const std::string_view target, call.arguments.takeText(kTargetMax));
  return putEntry(call, call.overlay().symlink(call.request.caller(), call.node(), name, target));
}

Status link(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::LinkIn>());
  TRY_ASSIGN(const Name name, call.arguments.takeName());
  return putEntry(call, call.overlay().link(call.request.caller(), in.oldnodeid, call.node(), name));
}

Status unlink(Call& call) {
  TRY_ASSIGN(const Name name, call.arguments.takeName());
  return call.overlay().unlink(call.request.caller(), call.node(), name);
}

Status rmdir(Call& call) {
  TRY_ASSIGN(const Name name, call.arguments.takeName());
  return call.overlay().rmdir(call.request.caller(), call.node(), name);
}

Status rename(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::RenameIn>());
  return renameAs(call, in.newdir, RenameMode::replace);
}

Status rename2(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::Rename2In>());
  switch (in.flags) {
    case 0:
      return renameAs(call, in.newdir, RenameMode::replace);
    case RENAME_NOREPLACE:
      return renameAs(call, in.newdir, RenameMode::noReplace);
    case RENAME_EXCHANGE:
      return renameAs(call, in.newdir, RenameMode::exchange);
    default:  // RENAME_WHITEOUT among them. Linux: fs/overlayfs/dir.c:ovl_rename() answers the same.
      return Errno(EINVAL);
  }
}

Status create(Call& call) {
  // Without a handle to give, the kernel does better alone: it makes the node and opens it without asking.
  if (call.connection.backing == nullptr) return Errno(ENOSYS);
  TRY_ASSIGN(const auto in, call.arguments.take<abi::CreateIn>());
  TRY_ASSIGN(const Name name, call.arguments.takeName());
  const NewNode node{.mode = static_cast<mode_t>((in.mode & ~static_cast<uint32_t>(S_IFMT)) | S_IFREG)};
  TRY_ASSIGN(const Entry entry, call.overlay().mknod(call.request.caller(in.umask), call.node(), name, node));
  return putOpened(call, entry, in.flags);
}

// The name that comes along is the kernel's placeholder and means nothing.
Status tmpfile(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::CreateIn>());
  TRY_ASSIGN(const Entry entry, call.overlay().tmpfile(call.request.caller(in.umask), call.node(), in.mode));
  return putOpened(call, entry, in.flags);
}

}  // namespace unionfs::handlers

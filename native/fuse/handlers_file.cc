// handlers_file.cc - opening, reading, writing and what else concerns a file's data.
#include <algorithm>

#include "fuse/handlers.h"
#include "fuse/seek.h"

namespace unionfs::handlers {
namespace {

// The most one COPY_FILE_RANGE may report in 32 bits, rounded to a page.
constexpr uint64_t kCopyLimit32 = 0x7ffff000;

Result<size_t> copyRange(Call& call, uint64_t limit) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::CopyFileRangeIn>());
  if (in.flags != 0) return Errno(EINVAL);
  const Caller caller = call.request.caller();
  return call.overlay().copyFileRange(caller, call.node(), in.off_in, in.nodeid_out, in.off_out, std::min(in.len, limit));
}

}  // namespace

Status open(Call& call) {
  if (call.connection.backing == nullptr && call.connection.agreed.has(abi::init::kNoOpenSupport)) return Errno(ENOSYS);
  TRY_ASSIGN(const auto in, call.arguments.take<abi::OpenIn>());
  if (call.connection.backing == nullptr) {
    call.reply.put(abi::OpenOut{.fh = handle::kNone, .open_flags = abi::fopen::kKeepCache, .backing_id = 0});
    return success();
  }
  TRY_ASSIGN(const abi::OpenOut out,
             call.connection.backing->open(call.request.caller(), call.node(), {.raw = static_cast<int>(in.flags)}));
  call.reply.put(out);
  return success();
}

Status opendir(Call& call) {
  if (call.connection.agreed.has(abi::init::kNoOpendirSupport)) return Errno(ENOSYS);
  call.reply.put(abi::OpenOut{.fh = handle::kNone, .open_flags = abi::fopen::kKeepCache | abi::fopen::kCacheDir, .backing_id = 0});
  return success();
}

Status release(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::ReleaseIn>());
  if (call.connection.backing != nullptr) call.connection.backing->release(call.node(), in.fh);
  return success();
}

Status read(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::ReadIn>());
  const auto into = call.reply.large().first(std::min<size_t>(in.size, call.reply.large().size()));
  TRY_ASSIGN(const size_t count, call.overlay().read(call.node(), into, in.offset));
  call.reply.putBytes(into.first(std::min(count, into.size())));
  return success();
}

Status write(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::WriteIn>());
  TRY_ASSIGN(const auto data, call.arguments.takeBytes(in.size));
  const WriteOptions options{.killPrivileges = (in.write_flags & abi::kWriteKillSuidgid) != 0,
                             .fromCache = (in.write_flags & abi::kWriteCache) != 0};
  TRY_ASSIGN(const size_t count, call.overlay().write(call.request.caller(), call.node(), data, in.offset, options));
  call.reply.put(abi::WriteOut{.size = static_cast<uint32_t>(count), .padding = 0});
  return success();
}

// A mount that syncs nothing says so once: with ENOSYS the kernel takes it for done from then on.
Status fsync(Call& call) {
  if (call.overlay().isVolatile()) return Errno(ENOSYS);
  TRY_ASSIGN(const auto in, call.arguments.take<abi::FsyncIn>());
  return call.overlay().fsync(call.node(), (in.fsync_flags & abi::kFsyncDatasync) != 0);
}

Status fsyncdir(Call& call) {
  if (call.overlay().isVolatile()) return Errno(ENOSYS);
  TRY_ASSIGN(const auto in, call.arguments.take<abi::FsyncIn>());
  return call.overlay().fsyncdir(call.node(), (in.fsync_flags & abi::kFsyncDatasync) != 0);
}

Status syncfs(Call& call) { return call.overlay().syncfs(); }

Status fallocate(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::FallocateIn>());
  return call.overlay().fallocate(call.request.caller(), call.node(), static_cast<int>(in.mode), in.offset, in.length);
}

Status lseek(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::LseekIn>());
  if (in.whence != SEEK_DATA && in.whence != SEEK_HOLE) return Errno(EINVAL);
  const int whence = static_cast<int>(in.whence);
  const auto offset = call.overlay().lseek(call.node(), in.offset, whence);
  // Data where data was looked for stays the answer, whatever the kernel has not written back yet.
  const bool certain = whence == SEEK_DATA && offset.ok() && *offset == in.offset;
  if (!certain && call.connection.seeker != nullptr) {
    const SeekTask task{
        .channel = &call.channel, .unique = call.request.unique(), .node = call.node(), .offset = in.offset, .whence = whence};
    if (!call.connection.seeker->take(task)) return Errno(EAGAIN);
    call.reply.defer();
    return success();
  }
  TRY(offset);
  call.reply.put(abi::LseekOut{.offset = *offset});
  return success();
}

Status copyFileRange(Call& call) {
  TRY_ASSIGN(const size_t count, copyRange(call, kCopyLimit32));
  call.reply.put(abi::WriteOut{.size = static_cast<uint32_t>(count), .padding = 0});
  return success();
}

Status copyFileRange64(Call& call) {
  TRY_ASSIGN(const size_t count, copyRange(call, UINT64_MAX));
  call.reply.put(abi::CopyFileRangeOut{.bytes_copied = count});
  return success();
}

}  // namespace unionfs::handlers

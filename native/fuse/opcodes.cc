// opcodes.cc - the rows.
#include "fuse/opcodes.h"

namespace unionfs {
namespace {

template <typename T>
constexpr uint16_t kSize = sizeof(T);

constexpr std::array<OpcodeRow, abi::kOpcodeLimit> makeTable() {
  namespace h = handlers;
  std::array<OpcodeRow, abi::kOpcodeLimit> t{};
  t[abi::kLookup] = {"LOOKUP", h::lookup, 0, 1};
  t[abi::kForget] = {"FORGET", h::forget, kSize<abi::ForgetIn>, 0, ReplyRule::none};
  t[abi::kGetattr] = {"GETATTR", h::getattr, kSize<abi::GetattrIn>};
  t[abi::kSetattr] = {"SETATTR", h::setattr, kSize<abi::SetattrIn>};
  t[abi::kReadlink] = {"READLINK", h::readlink};
  t[abi::kSymlink] = {"SYMLINK", h::symlink, 0, 2};
  t[abi::kMknod] = {"MKNOD", h::mknod, kSize<abi::MknodIn>, 1};
  t[abi::kMkdir] = {"MKDIR", h::mkdir, kSize<abi::MkdirIn>, 1};
  t[abi::kUnlink] = {"UNLINK", h::unlink, 0, 1};
  t[abi::kRmdir] = {"RMDIR", h::rmdir, 0, 1};
  t[abi::kRename] = {"RENAME", h::rename, kSize<abi::RenameIn>, 2};
  t[abi::kLink] = {"LINK", h::link, kSize<abi::LinkIn>, 1};
  t[abi::kOpen] = {"OPEN", h::open, kSize<abi::OpenIn>};
  t[abi::kRead] = {"READ", h::read, kSize<abi::ReadIn>};
  t[abi::kWrite] = {"WRITE", h::write, kSize<abi::WriteIn>};
  t[abi::kStatfs] = {"STATFS", h::statfs};
  t[abi::kRelease] = {"RELEASE", h::release, kSize<abi::ReleaseIn>};
  t[abi::kFsync] = {"FSYNC", h::fsync, kSize<abi::FsyncIn>};
  t[abi::kSetxattr] = {"SETXATTR", h::setxattr, abi::kSetxattrInOldSize, 1};
  t[abi::kGetxattr] = {"GETXATTR", h::getxattr, kSize<abi::GetxattrIn>, 1};
  t[abi::kListxattr] = {"LISTXATTR", h::listxattr, kSize<abi::GetxattrIn>};
  t[abi::kRemovexattr] = {"REMOVEXATTR", h::removexattr, 0, 1};
  t[abi::kFlush] = {"FLUSH", h::unsupported};
  t[abi::kInit] = {"INIT", h::outOfOrder};
  t[abi::kOpendir] = {"OPENDIR", h::opendir, kSize<abi::OpenIn>};
  t[abi::kReaddir] = {"READDIR", h::readdir, kSize<abi::ReadIn>};
  t[abi::kReleasedir] = {"RELEASEDIR", h::accepted, kSize<abi::ReleaseIn>};
  t[abi::kFsyncdir] = {"FSYNCDIR", h::fsyncdir, kSize<abi::FsyncIn>};
  t[abi::kGetlk] = {"GETLK", h::unsupported};
  t[abi::kSetlk] = {"SETLK", h::unsupported};
  t[abi::kSetlkw] = {"SETLKW", h::unsupported};
  t[abi::kAccess] = {"ACCESS", h::unsupported};
  t[abi::kCreate] = {"CREATE", h::create, kSize<abi::CreateIn>, 1};
  t[abi::kInterrupt] = {"INTERRUPT", h::interrupt, kSize<abi::InterruptIn>, 0, ReplyRule::none};
  t[abi::kBmap] = {"BMAP", h::unsupported};
  t[abi::kDestroy] = {"DESTROY", h::accepted};
  t[abi::kIoctl] = {"IOCTL", h::ioctl, kSize<abi::IoctlIn>};
  t[abi::kPoll] = {"POLL", h::unsupported};
  t[abi::kNotifyReply] = {"NOTIFY_REPLY", h::accepted, 0, 0, ReplyRule::none};
  t[abi::kBatchForget] = {"BATCH_FORGET", h::batchForget, kSize<abi::BatchForgetIn>, 0, ReplyRule::none};
  t[abi::kFallocate] = {"FALLOCATE", h::fallocate, kSize<abi::FallocateIn>};
  t[abi::kReaddirplus] = {"READDIRPLUS", h::readdirplus, kSize<abi::ReadIn>};
  t[abi::kRename2] = {"RENAME2", h::rename2, kSize<abi::Rename2In>, 2};
  t[abi::kLseek] = {"LSEEK", h::lseek, kSize<abi::LseekIn>};
  t[abi::kCopyFileRange] = {"COPY_FILE_RANGE", h::copyFileRange, kSize<abi::CopyFileRangeIn>};
  t[abi::kSetupmapping] = {"SETUPMAPPING", h::unsupported};
  t[abi::kRemovemapping] = {"REMOVEMAPPING", h::unsupported};
  t[abi::kSyncfs] = {"SYNCFS", h::syncfs};
  t[abi::kTmpfile] = {"TMPFILE", h::tmpfile, kSize<abi::CreateIn>};
  t[abi::kStatx] = {"STATX", h::statx, kSize<abi::StatxIn>};
  t[abi::kCopyFileRange64] = {"COPY_FILE_RANGE_64", h::copyFileRange64, kSize<abi::CopyFileRangeIn>};
  return t;
}

}  // namespace

constexpr std::array<OpcodeRow, abi::kOpcodeLimit> kOpcodes = makeTable();

const OpcodeRow* findOpcode(uint32_t opcode) {
  if (opcode >= kOpcodes.size() || kOpcodes[opcode].handler == nullptr) return nullptr;
  return &kOpcodes[opcode];
}

}  // namespace unionfs

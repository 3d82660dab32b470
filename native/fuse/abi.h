// abi.h - the FUSE kernel protocol as it lies on the wire, version 7.45, declared without any system header.
//
// Distribution headers lag behind the kernel, so sizes and offsets are asserted here instead. Field names are the
// protocol's. Everything is in host byte order; records in a list are padded to eight bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace unionfs::abi {

inline constexpr uint32_t kMajor = 7;
inline constexpr uint32_t kMinor = 45;
// Below this the kernel lacks what the server relies on (EXPLICIT_INVAL_DATA, MAX_PAGES; Linux 5.2).
inline constexpr uint32_t kOldestMinor = 31;

enum Opcode : uint32_t {
  kLookup = 1,
  kForget = 2,
  kGetattr = 3,
  kSetattr = 4,
  kReadlink = 5,
  kSymlink = 6,
  kMknod = 8,
  kMkdir = 9,
  kUnlink = 10,
  kRmdir = 11,
  kRename = 12,
  kLink = 13,
  kOpen = 14,
  kRead = 15,
  kWrite = 16,
  kStatfs = 17,
  kRelease = 18,
  kFsync = 20,
  kSetxattr = 21,
  kGetxattr = 22,
  kListxattr = 23,
  kRemovexattr = 24,
  kFlush = 25,
  kInit = 26,
  kOpendir = 27,
  kReaddir = 28,
  kReleasedir = 29,
  kFsyncdir = 30,
  kGetlk = 31,
  kSetlk = 32,
  kSetlkw = 33,
  kAccess = 34,
  kCreate = 35,
  kInterrupt = 36,
  kBmap = 37,
  kDestroy = 38,
  kIoctl = 39,
  kPoll = 40,
  kNotifyReply = 41,
  kBatchForget = 42,
  kFallocate = 43,
  kReaddirplus = 44,
  kRename2 = 45,
  kLseek = 46,
  kCopyFileRange = 47,
  kSetupmapping = 48,
  kRemovemapping = 49,
  kSyncfs = 50,
  kTmpfile = 51,
  kStatx = 52,
  kCopyFileRange64 = 53,
};
inline constexpr size_t kOpcodeLimit = 54;

// Flags of INIT; the upper 32 bits travel in `flags2` once kInitExt is agreed.
namespace init {
inline constexpr uint64_t kAsyncRead = 1ULL << 0;
inline constexpr uint64_t kPosixLocks = 1ULL << 1;
inline constexpr uint64_t kAtomicOTrunc = 1ULL << 3;
inline constexpr uint64_t kExportSupport = 1ULL << 4;
inline constexpr uint64_t kBigWrites = 1ULL << 5;
inline constexpr uint64_t kDontMask = 1ULL << 6;
inline constexpr uint64_t kSpliceWrite = 1ULL << 7;
inline constexpr uint64_t kSpliceMove = 1ULL << 8;
inline constexpr uint64_t kSpliceRead = 1ULL << 9;
inline constexpr uint64_t kFlockLocks = 1ULL << 10;
inline constexpr uint64_t kHasIoctlDir = 1ULL << 11;
inline constexpr uint64_t kAutoInvalData = 1ULL << 12;
inline constexpr uint64_t kDoReaddirplus = 1ULL << 13;
inline constexpr uint64_t kReaddirplusAuto = 1ULL << 14;
inline constexpr uint64_t kAsyncDio = 1ULL << 15;
inline constexpr uint64_t kWritebackCache = 1ULL << 16;
inline constexpr uint64_t kNoOpenSupport = 1ULL << 17;
inline constexpr uint64_t kParallelDirops = 1ULL << 18;
inline constexpr uint64_t kHandleKillpriv = 1ULL << 19;
inline constexpr uint64_t kPosixAcl = 1ULL << 20;
inline constexpr uint64_t kAbortError = 1ULL << 21;
inline constexpr uint64_t kMaxPages = 1ULL << 22;
inline constexpr uint64_t kCacheSymlinks = 1ULL << 23;
inline constexpr uint64_t kNoOpendirSupport = 1ULL << 24;
inline constexpr uint64_t kExplicitInvalData = 1ULL << 25;
inline constexpr uint64_t kMapAlignment = 1ULL << 26;
inline constexpr uint64_t kSubmounts = 1ULL << 27;
inline constexpr uint64_t kHandleKillprivV2 = 1ULL << 28;
inline constexpr uint64_t kSetxattrExt = 1ULL << 29;
inline constexpr uint64_t kInitExt = 1ULL << 30;
inline constexpr uint64_t kSecurityCtx = 1ULL << 32;
inline constexpr uint64_t kHasInodeDax = 1ULL << 33;
inline constexpr uint64_t kCreateSuppGroup = 1ULL << 34;
inline constexpr uint64_t kHasExpireOnly = 1ULL << 35;
inline constexpr uint64_t kDirectIoAllowMmap = 1ULL << 36;
inline constexpr uint64_t kPassthrough = 1ULL << 37;
inline constexpr uint64_t kNoExportSupport = 1ULL << 38;
inline constexpr uint64_t kHasResend = 1ULL << 39;
inline constexpr uint64_t kAllowIdmap = 1ULL << 40;
inline constexpr uint64_t kOverIoUring = 1ULL << 41;
inline constexpr uint64_t kRequestTimeout = 1ULL << 42;
}  // namespace init

// `valid` of SETATTR.
namespace fattr {
inline constexpr uint32_t kMode = 1U << 0;
inline constexpr uint32_t kUid = 1U << 1;
inline constexpr uint32_t kGid = 1U << 2;
inline constexpr uint32_t kSize = 1U << 3;
inline constexpr uint32_t kAtime = 1U << 4;
inline constexpr uint32_t kMtime = 1U << 5;
inline constexpr uint32_t kFh = 1U << 6;
inline constexpr uint32_t kAtimeNow = 1U << 7;
inline constexpr uint32_t kMtimeNow = 1U << 8;
inline constexpr uint32_t kLockowner = 1U << 9;
inline constexpr uint32_t kCtime = 1U << 10;
inline constexpr uint32_t kKillSuidgid = 1U << 11;
}  // namespace fattr

// In `flags` of an OPEN by any program of 64 bits, but not of the kernel's own open around an FS_IOC_* call
// (fuse_priv_ioctl_prepare), whose reply's open_flags it does not look at. The C library defines it as 0.
#if defined(__aarch64__) || defined(__arm__)
inline constexpr uint32_t kLargeFile = 0400000;
#else
inline constexpr uint32_t kLargeFile = 0100000;
#endif

// `open_flags` of an OPEN reply.
namespace fopen {
inline constexpr uint32_t kDirectIo = 1U << 0;
inline constexpr uint32_t kKeepCache = 1U << 1;
inline constexpr uint32_t kNonseekable = 1U << 2;
inline constexpr uint32_t kCacheDir = 1U << 3;
inline constexpr uint32_t kStream = 1U << 4;
inline constexpr uint32_t kNoflush = 1U << 5;
inline constexpr uint32_t kParallelDirectWrites = 1U << 6;
inline constexpr uint32_t kPassthrough = 1U << 7;
}  // namespace fopen

inline constexpr uint32_t kWriteCache = 1U << 0;
inline constexpr uint32_t kWriteKillSuidgid = 1U << 2;
inline constexpr uint32_t kFsyncDatasync = 1U << 0;
inline constexpr uint32_t kSetxattrAclKillSgid = 1U << 0;

// Messages the server sends unasked: `unique` is 0 and the code stands where the error stands in a reply.
enum NotifyCode : int32_t {
  kNotifyPoll = 1,
  kNotifyInvalInode = 2,
  kNotifyInvalEntry = 3,
  kNotifyStore = 4,
  kNotifyRetrieve = 5,
  kNotifyDelete = 6,
  kNotifyResend = 7,
  kNotifyIncEpoch = 8,
  kNotifyPrune = 9,
};

struct InHeader {
  uint32_t len;
  uint32_t opcode;
  uint64_t unique;
  uint64_t nodeid;
  uint32_t uid;
  uint32_t gid;
  uint32_t pid;
  uint16_t total_extlen;  // of the extensions at the message's end, in units of eight bytes
  uint16_t padding;
};
static_assert(sizeof(InHeader) == 40);

struct OutHeader {
  uint32_t len;
  int32_t error;
  uint64_t unique;
};
static_assert(sizeof(OutHeader) == 16);

struct Attr {
  uint64_t ino, size, blocks;
  uint64_t atime, mtime, ctime;
  uint32_t atimensec, mtimensec, ctimensec;
  uint32_t mode, nlink, uid, gid, rdev, blksize, flags;
};
static_assert(sizeof(Attr) == 88);

struct EntryOut {
  uint64_t nodeid, generation;
  uint64_t entry_valid, attr_valid;
  uint32_t entry_valid_nsec, attr_valid_nsec;
  Attr attr;
};
static_assert(sizeof(EntryOut) == 128 && offsetof(EntryOut, attr) == 40);

struct AttrOut {
  uint64_t attr_valid;
  uint32_t attr_valid_nsec, dummy;
  Attr attr;
};
static_assert(sizeof(AttrOut) == 104);

struct SxTime {
  int64_t tv_sec;
  uint32_t tv_nsec;
  int32_t reserved;
};

struct Statx {
  uint32_t mask, blksize;
  uint64_t attributes;
  uint32_t nlink, uid, gid;
  uint16_t mode, spare0;
  uint64_t ino, size, blocks, attributes_mask;
  SxTime atime, btime, ctime, mtime;
  uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
  uint64_t spare2[14];
};
static_assert(sizeof(Statx) == 256 && offsetof(Statx, atime) == 64 && offsetof(Statx, rdev_major) == 128);

struct StatxIn {
  uint32_t getattr_flags, reserved;
  uint64_t fh;
  uint32_t sx_flags, sx_mask;
};
static_assert(sizeof(StatxIn) == 24);

struct StatxOut {
  uint64_t attr_valid;
  uint32_t attr_valid_nsec, flags;
  uint64_t spare[2];
  Statx stat;
};
static_assert(sizeof(StatxOut) == 288);

struct Kstatfs {
  uint64_t blocks, bfree, bavail, files, ffree;
  uint32_t bsize, namelen, frsize, padding;
  uint32_t spare[6];
};
static_assert(sizeof(Kstatfs) == 80);

struct InitIn {
  uint32_t major, minor, max_readahead, flags;
  uint32_t flags2;
  uint32_t unused[11];
};
static_assert(sizeof(InitIn) == 64);
inline constexpr size_t kInitInOldSize = 16;  // before flags2

struct InitOut {
  uint32_t major, minor, max_readahead, flags;
  uint16_t max_background, congestion_threshold;
  uint32_t max_write, time_gran;
  uint16_t max_pages, map_alignment;
  uint32_t flags2, max_stack_depth;
  uint16_t request_timeout;
  uint16_t unused[11];
};
static_assert(sizeof(InitOut) == 64 && offsetof(InitOut, max_stack_depth) == 36);

struct ForgetIn {
  uint64_t nlookup;
};
struct ForgetOne {
  uint64_t nodeid, nlookup;
};
static_assert(sizeof(ForgetOne) == 16);
struct BatchForgetIn {
  uint32_t count, dummy;
};
struct GetattrIn {
  uint32_t getattr_flags, dummy;
  uint64_t fh;
};
static_assert(sizeof(GetattrIn) == 16);
struct SetattrIn {
  uint32_t valid, padding;
  uint64_t fh, size, lock_owner, atime, mtime, ctime;
  uint32_t atimensec, mtimensec, ctimensec, mode, unused4, uid, gid, unused5;
};
static_assert(sizeof(SetattrIn) == 88);
struct MknodIn {
  uint32_t mode, rdev, umask, padding;
};
struct MkdirIn {
  uint32_t mode, umask;
};
struct RenameIn {
  uint64_t newdir;
};
struct Rename2In {
  uint64_t newdir;
  uint32_t flags, padding;
};
struct LinkIn {
  uint64_t oldnodeid;
};
struct OpenIn {
  uint32_t flags, open_flags;
};
struct CreateIn {
  uint32_t flags, mode, umask, open_flags;
};
static_assert(sizeof(CreateIn) == 16);
struct OpenOut {
  uint64_t fh;
  uint32_t open_flags;
  int32_t backing_id;
};
static_assert(sizeof(OpenOut) == 16);
struct ReleaseIn {
  uint64_t fh;
  uint32_t flags, release_flags;
  uint64_t lock_owner;
};
static_assert(sizeof(ReleaseIn) == 24);
struct FlushIn {
  uint64_t fh;
  uint32_t unused, padding;
  uint64_t lock_owner;
};
struct ReadIn {
  uint64_t fh, offset;
  uint32_t size, read_flags;
  uint64_t lock_owner;
  uint32_t flags, padding;
};
static_assert(sizeof(ReadIn) == 40);
struct WriteIn {
  uint64_t fh, offset;
  uint32_t size, write_flags;
  uint64_t lock_owner;
  uint32_t flags, padding;
};
static_assert(sizeof(WriteIn) == 40);
struct WriteOut {
  uint32_t size, padding;
};
struct FsyncIn {
  uint64_t fh;
  uint32_t fsync_flags, padding;
};
struct SetxattrIn {
  uint32_t size, flags;
  uint32_t setxattr_flags, padding;  // only once kSetxattrExt is agreed
};
static_assert(sizeof(SetxattrIn) == 16);
inline constexpr size_t kSetxattrInOldSize = 8;
struct GetxattrIn {
  uint32_t size, padding;
};
struct GetxattrOut {
  uint32_t size, padding;
};
struct AccessIn {
  uint32_t mask, padding;
};
struct InterruptIn {
  uint64_t unique;
};
struct IoctlIn {
  uint64_t fh;
  uint32_t flags, cmd;
  uint64_t arg;
  uint32_t in_size, out_size;
};
static_assert(sizeof(IoctlIn) == 32);
struct IoctlOut {
  int32_t result;
  uint32_t flags, in_iovs, out_iovs;
};
static_assert(sizeof(IoctlOut) == 16);
struct FallocateIn {
  uint64_t fh, offset, length;
  uint32_t mode, padding;
};
static_assert(sizeof(FallocateIn) == 32);
struct LseekIn {
  uint64_t fh, offset;
  uint32_t whence, padding;
};
static_assert(sizeof(LseekIn) == 24);
struct LseekOut {
  uint64_t offset;
};
struct CopyFileRangeIn {
  uint64_t fh_in, off_in, nodeid_out, fh_out, off_out, len, flags;
};
static_assert(sizeof(CopyFileRangeIn) == 56);
struct CopyFileRangeOut {
  uint64_t bytes_copied;
};

// A directory entry is this head, the name without NUL, and zeros up to the next multiple of eight.
struct DirentHead {
  uint64_t ino, off;
  uint32_t namelen, type;
};
static_assert(sizeof(DirentHead) == 24);
inline constexpr size_t kRecordAlign = 8;
constexpr size_t recordAlign(size_t size) { return (size + kRecordAlign - 1) & ~(kRecordAlign - 1); }

struct NotifyInvalInodeOut {
  uint64_t ino;
  int64_t off, len;  // off < 0: attributes only; len <= 0: to the end
};
struct NotifyInvalEntryOut {
  uint64_t parent;
  uint32_t namelen, flags;
};
static_assert(sizeof(NotifyInvalEntryOut) == 16);

// What FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IOC_FSGETXATTR and FS_IOC_FSSETXATTR carry inside IOCTL.
struct Fsxattr {
  uint32_t xflags, extsize, nextents, projid, cowextsize;
  uint8_t padding[8];
};
static_assert(sizeof(Fsxattr) == 28);

inline constexpr size_t kMinReadBuffer = 8192;
inline constexpr size_t kPageSize = 4096;

}  // namespace unionfs::abi

// init.cc - the flags of the two I/O modes and the choice between them.
#include "fuse/init.h"

#include <algorithm>

namespace unionfs {
namespace {

// The kernel then asks for plain listings unless somebody looks names up meanwhile. Off: a walk that stats what it
// lists, as find and ls -l do, reads a directory whole before the first stat, and would miss the attributes.
constexpr bool kAdaptiveReaddirplus = false;

constexpr uint16_t kMaxBackground = 64;
constexpr uint16_t kCongestionThreshold = 48;

// A layer of passthrough may itself be stacked once (an overlayfs); nothing can then be stacked on this mount.
constexpr uint32_t kStackDepth = 2;

constexpr uint64_t kAlways = abi::init::kAsyncRead | abi::init::kBigWrites | abi::init::kDontMask | abi::init::kDoReaddirplus |
                             abi::init::kAsyncDio | abi::init::kParallelDirops | abi::init::kMaxPages | abi::init::kCacheSymlinks |
                             abi::init::kNoOpendirSupport | abi::init::kExplicitInvalData | abi::init::kHandleKillprivV2 |
                             abi::init::kSetxattrExt | abi::init::kInitExt | (kAdaptiveReaddirplus ? abi::init::kReaddirplusAuto : 0);

// Opening costs nothing and writing is the kernel's business until it writes back.
constexpr uint64_t kCached = abi::init::kNoOpenSupport | abi::init::kWritebackCache;

// The kernel refuses passthrough together with its write-back cache.
constexpr uint64_t kPassthrough = abi::init::kPassthrough | abi::init::kDirectIoAllowMmap;

}  // namespace

Result<KernelOffer> readOffer(const abi::InitIn& in) {
  if (in.major != abi::kMajor || in.minor < abi::kOldestMinor) return Errno(EPROTO);
  KernelOffer offer{.minor = in.minor, .maxReadahead = in.max_readahead, .flags = in.flags};
  if ((offer.flags & abi::init::kInitExt) != 0) offer.flags |= static_cast<uint64_t>(in.flags2) << 32;
  return offer;
}

IoChoice chooseIoMode(IoMode wish, const KernelOffer& offer, bool initialAdmin) {
  if (wish != IoMode::passthrough)
    return {.mode = IoMode::cached, .reason = wish == IoMode::cached ? "asked for" : "the default; works without privilege"};
  if ((offer.flags & abi::init::kPassthrough) == 0)
    return {.reason = "this kernel has no FUSE passthrough (Linux 6.9 or newer is needed)", .possible = false};
  if (!initialAdmin) return {.reason = "passthrough needs CAP_SYS_ADMIN in the initial user namespace", .possible = false};
  return {.mode = IoMode::passthrough, .reason = "asked for"};
}

Negotiated negotiate(const KernelOffer& offer, const InitWishes& wishes) {
  uint64_t wanted = kAlways | (wishes.io == IoMode::passthrough ? kPassthrough : kCached);
  if (wishes.acl) wanted |= abi::init::kPosixAcl;
  if (!wishes.writeback) wanted &= ~abi::init::kWritebackCache;
  return {.io = wishes.io, .minor = std::min(offer.minor, abi::kMinor), .flags = wanted & offer.flags};
}

abi::InitOut encodeInit(const KernelOffer& offer, const Negotiated& agreed) {
  abi::InitOut out{};
  out.major = abi::kMajor;
  out.minor = abi::kMinor;
  out.max_readahead = offer.maxReadahead;
  out.flags = static_cast<uint32_t>(agreed.flags);
  out.flags2 = static_cast<uint32_t>(agreed.flags >> 32);
  out.max_background = kMaxBackground;
  out.congestion_threshold = kCongestionThreshold;
  out.max_write = kMaxWrite;
  out.time_gran = 1;
  out.max_pages = kMaxPages;
  out.max_stack_depth = agreed.io == IoMode::passthrough ? kStackDepth : 0;
  return out;
}

}  // namespace unionfs

// init.h - what server and kernel agree on when a mount begins.
#pragma once

#include <string>

#include "fuse/abi.h"
#include "fuse/session.h"

namespace unionfs {

// The largest READ and WRITE, and the pages the kernel may put into one message.
inline constexpr uint32_t kMaxWrite = 1U << 20;
inline constexpr uint16_t kMaxPages = kMaxWrite / abi::kPageSize;
// Header and arguments stand before the data of the largest WRITE.
inline constexpr size_t kReadBufferSize = kMaxWrite + abi::kPageSize;

// What the kernel offered, reduced to what decides.
struct KernelOffer {
  uint32_t minor = 0;
  uint32_t maxReadahead = 0;
  uint64_t flags = 0;
};

struct IoChoice {
  IoMode mode = IoMode::cached;  // never `automatic`
  std::string reason;            // for a person
  bool possible = true;          // false: the wish cannot be met, and `reason` says why
};

// What is in force for the rest of the mount's life.
struct Negotiated {
  IoMode io = IoMode::cached;
  uint32_t minor = 0;
  uint64_t flags = 0;

  [[nodiscard]] bool has(uint64_t flag) const { return (flags & flag) != 0; }
};

struct InitWishes {
  IoMode io = IoMode::cached;  // never `automatic`
  bool acl = false;
  bool writeback = true;  // where the mode has it
};

// EPROTO: another major, or a kernel too old to be served.
Result<KernelOffer> readOffer(const abi::InitIn& in);

// The one place that decides between the two I/O modes.
IoChoice chooseIoMode(IoMode wish, const KernelOffer& offer, bool initialAdmin);

Negotiated negotiate(const KernelOffer& offer, const InitWishes& wishes);
abi::InitOut encodeInit(const KernelOffer& offer, const Negotiated& agreed);

}  // namespace unionfs

// host_probe.h - the trial mount behind `unionfs doctor`, as plain values.
#pragma once

#include <cstdint>

namespace unionfs::binding {

// errno values; 0: it worked; -1: not tried, because an earlier step failed.
struct HostFacts {
  int32_t deviceError = -1;         // opening /dev/fuse
  int32_t userNamespaceError = -1;  // unshare(CLONE_NEWUSER)
  int32_t mountError = -1;          // mounting in a private mount namespace
  int32_t passthroughError = -1;    // FUSE_DEV_IOC_BACKING_OPEN
  uint32_t protocolMajor = 0, protocolMinor = 0;
  uint64_t features = 0;  // INIT flags the kernel offers
};

// Runs the trials in child processes. Blocks for a moment.
HostFacts probeHostFacts();

}  // namespace unionfs::binding

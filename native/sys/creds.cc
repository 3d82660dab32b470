#include "sys/creds.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>

namespace unionfs::sys {

namespace {

// setfsuid(2) of this thread only; glibc's wrapper is per thread as well, but does not say so.
struct ThreadCreds {
  bool prepared = false;
  bool keepsCapabilities = false;  // SECBIT_NO_SETUID_FIXUP is in force
  uid_t ownUid = 0;
  gid_t ownGid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t umask = 0;
};

thread_local ThreadCreds creds;

struct CapabilitySets {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  bool load() { return ::syscall(SYS_capget, &header, data.data()) == 0; }
  bool store() { return ::syscall(SYS_capset, &header, data.data()) == 0; }
  void raiseAllPermitted() {
    for (auto& half : data) half.effective = half.permitted;
    store();
  }
};

void prepareThread() {
  if (creds.prepared) return;
  creds.prepared = true;
  creds.ownUid = creds.uid = ::geteuid();
  creds.ownGid = creds.gid = ::getegid();
  // The umask belongs to the fs struct, which threads share until one asks for its own.
  ::unshare(CLONE_FS);
  ::umask(0);
  creds.umask = 0;
  const int bits = ::prctl(PR_GET_SECUREBITS);
  creds.keepsCapabilities = bits >= 0 && ::prctl(PR_SET_SECUREBITS, static_cast<unsigned long>(bits) | SECBIT_NO_SETUID_FIXUP) == 0;
}

void setUid(uid_t uid) {
  ::setfsuid(uid);
  if (creds.keepsCapabilities) return;
  CapabilitySets sets;
  if (sets.load()) sets.raiseAllPermitted();
}

}  // namespace

Status actAs(uid_t uid, gid_t gid, mode_t umask) {
  prepareThread();
  if (gid != creds.gid) {
    ::setfsgid(gid);
    creds.gid = static_cast<gid_t>(::setfsgid(static_cast<gid_t>(-1)));
  }
  if (uid != creds.uid) {
    setUid(uid);
    creds.uid = static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1)));
    if (creds.uid != uid) {
      actAsSelf();
      return Errno(EPERM);
    }
  }
  if (umask != creds.umask) {
    ::umask(umask);
    creds.umask = umask;
  }
  return success();
}

void actAsSelf() {
  prepareThread();
  if (creds.uid == creds.ownUid && creds.gid == creds.ownGid && creds.umask == 0) return;
  if (creds.gid != creds.ownGid) ::setfsgid(creds.ownGid);
  if (creds.uid != creds.ownUid) setUid(creds.ownUid);
  if (creds.umask != 0) ::umask(0);
  creds.gid = creds.ownGid;
  creds.uid = creds.ownUid;
  creds.umask = 0;
}

void actAsSelf(mode_t umask) {
  actAsSelf();
  if (umask == 0) return;
  ::umask(umask);
  creds.umask = umask;
}

uid_t ownUid() { return ::geteuid(); }

Status giveUpCapability(int capability) {
  CapabilitySets sets;
  if (!sets.load()) return Errno::last();
  auto& half = sets.data[static_cast<size_t>(capability) / 32];
  const uint32_t bit = 1U << (static_cast<unsigned>(capability) % 32);
  half.effective &= ~bit;
  half.permitted &= ~bit;
  half.inheritable &= ~bit;
  return sets.store() ? success() : Status(Errno::last());
}

bool hasCapability(int capability) {
  CapabilitySets sets;
  if (!sets.load()) return false;
  const auto index = static_cast<size_t>(capability) / 32;
  return (sets.data[index].effective >> (static_cast<unsigned>(capability) % 32) & 1U) != 0;
}

bool inInitialUserNamespace() {
  std::ifstream map("/proc/self/uid_map");
  std::string inside, outside, count;
  return map >> inside >> outside >> count && inside == "0" && outside == "0" && count == "4294967295";
}

}  // namespace unionfs::sys

// host_probe.cc - see host_probe.h. The children are forked from a process with threads: until they end they call
// nothing but thin system call wrappers.
#include "binding/host_probe.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "fuse/abi.h"
#include "sys/device.h"
#include "sys/fd.h"
#include "sys/mounting.h"
#include "sys/open.h"

namespace unionfs::binding {
namespace {

constexpr int kInitWaitMilliseconds = 2000;

void writeText(const char* path, const char* text) {
  const Fd fd(::open(path, O_WRONLY | O_CLOEXEC));
  // A map that cannot be written shows as the mount failing next.
  if (fd && ::write(fd.get(), text, std::strlen(text)) < 0) return;
}

// A mount namespace of our own, in a user namespace of our own when we lack the privilege.
int enterPrivateNamespace() {
  if (::unshare(CLONE_NEWNS) != 0) {
    std::array<char, 64> uidMap{}, gidMap{};
    std::snprintf(uidMap.data(), uidMap.size(), "0 %u 1", ::geteuid());
    std::snprintf(gidMap.data(), gidMap.size(), "0 %u 1", ::getegid());
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return errno;
    writeText("/proc/self/setgroups", "deny");
    writeText("/proc/self/uid_map", uidMap.data());
    writeText("/proc/self/gid_map", gidMap.data());
  }
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ? 0 : errno;
}

// Answers the kernel's first message and then asks for a backing, which only a mount with passthrough gives.
void negotiate(const Fd& device, HostFacts& facts) {
  alignas(8) std::array<std::byte, 65536 + 4096> buffer{};
  const auto ready = sys::waitReadable(device, kInitWaitMilliseconds);
  if (!ready || !*ready) return;
  const auto length = sys::readMessage(device, buffer);
  if (!length || *length < sizeof(abi::InHeader) + abi::kInitInOldSize) return;
  abi::InHeader header{};
  abi::InitIn in{};
  std::memcpy(&header, buffer.data(), sizeof header);
  std::memcpy(&in, buffer.data() + sizeof header, std::min(sizeof in, *length - sizeof header));
  facts.protocolMajor = in.major;
  facts.protocolMinor = in.minor;
  facts.features = in.flags | (static_cast<uint64_t>(in.flags2) << 32);

  abi::InitOut out{};
  constexpr uint64_t kWanted = abi::init::kPassthrough | abi::init::kInitExt;
  out.major = abi::kMajor;
  out.minor = abi::kMinor;
  out.max_write = 4096;
  out.flags = static_cast<uint32_t>(kWanted);
  out.flags2 = static_cast<uint32_t>(kWanted >> 32);
  out.max_stack_depth = 1;
  abi::OutHeader reply{sizeof reply + sizeof out, 0, header.unique};
  const std::array<iovec, 2> parts{iovec{&reply, sizeof reply}, iovec{&out, sizeof out}};
  if (!sys::writeMessage(device, parts)) return;
  const Fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const auto backing = sys::backingOpen(device, file);
  facts.passthroughError = backing ? 0 : backing.error().value();
}

void tryMount(HostFacts& facts) {
  auto device = sys::openFuseDevice();
  facts.deviceError = device ? 0 : device.error().value();
  if (!device) return;
  facts.mountError = enterPrivateNamespace();
  if (facts.mountError != 0) return;
  // The kernel takes only a device that was opened in the user namespace that mounts it.
  device = sys::openFuseDevice();
  facts.mountError = device ? 0 : device.error().value();
  if (!device) return;
  const Status mounted = sys::mountFuse(*device, {"/tmp", "unionfs-probe", "unionfs-probe"});
  facts.mountError = mounted ? 0 : mounted.error().value();
  if (mounted) negotiate(*device, facts);
}

// Runs `trial` in a child and brings its facts back; a child that dies changes nothing.
template <typename Trial>
void inChild(HostFacts& facts, Trial trial) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  const Fd readEnd(ends[0]);
  Fd writeEnd(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return;
  if (child == 0) {
    trial(facts);
    const ssize_t written = ::write(writeEnd.get(), &facts, sizeof facts);
    ::_exit(written == static_cast<ssize_t>(sizeof facts) ? 0 : 1);
  }
  writeEnd.reset(-1);
  HostFacts found;
  if (::read(readEnd.get(), &found, sizeof found) == static_cast<ssize_t>(sizeof found)) facts = found;
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

HostFacts probeHostFacts() {
  HostFacts facts;
  inChild(facts, [](HostFacts& found) { found.userNamespaceError = ::unshare(CLONE_NEWUSER) == 0 ? 0 : errno; });
  inChild(facts, tryMount);
  return facts;
}

}  // namespace unionfs::binding

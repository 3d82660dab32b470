// session.h - one mount: the device, the threads that serve it, and its end.
//
// `Session::mount` returns when the kernel has its INIT answer and the mount is in the mount table. The session ends
// when the kernel closes the connection (unmount by anybody, lazy or not, abort); `onEnd` then runs once, on a thread
// of the session. Destroying a session that still serves unmounts it lazily first.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "overlay/overlay.h"

namespace unionfs {

enum class IoMode { automatic, cached, passthrough };

struct MountOptions {
  std::string mountpoint;  // absolute, resolved
  std::string source = "unionfs";
  std::string subtype = "unionfs";
  IoMode io = IoMode::automatic;
  bool readOnly = false;
  bool allowOther = false;
  bool allowDev = false;
  bool allowSuid = false;
  bool noatime = true;
  bool allowExec = true;
  unsigned maxThreads = 4;
  bool writeback = true;      // cached mode: the kernel's write-back cache
  bool acl = true;            // POSIX ACLs, where the layers have them
  bool xattrs = true;         // false: the mount has none
  bool silentXattrs = false;  // the kernel may be told that no file has any (xattr_silence.h)
  double timeout = -1;        // seconds the kernel may remember names and attributes; negative: for ever
};

// Latencies are of the handler, from request read to its answer being ready, in microseconds.
struct OperationStats {
  uint64_t count = 0, errors = 0;
  double p50 = 0, p90 = 0, p99 = 0, max = 0, total = 0;
};

struct SessionInfo {
  IoMode io = IoMode::cached;  // the mode in force
  std::string ioReason;        // why `automatic` chose it
  uint32_t protocolMinor = 0;  // 7.x of the kernel
  uint64_t connection = 0;     // N of /sys/fs/fuse/connections/N
  bool viaFusermount = false;
};

// A mount failure a person can act on.
struct MountError {
  Errno error{EIO};
  std::string syscall;  // what failed: "open /dev/fuse", "mount", "fusermount3"
  std::string detail;   // what the helper said, or empty
};

class Session {
 public:
  using OnEnd = std::function<void(std::string reason)>;

  // On failure nothing is left mounted and `error` tells what to do about it.
  static std::unique_ptr<Session> mount(std::shared_ptr<Overlay> overlay, const MountOptions& options, OnEnd onEnd, MountError& error);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // EBUSY while the mount is in use, unless `lazy`. The session ends later, through onEnd.
  Status unmount(bool lazy);
  [[nodiscard]] SessionInfo info() const;
  [[nodiscard]] std::map<std::string, OperationStats> operations() const;  // by FUSE operation name, those that occurred
  [[nodiscard]] unsigned threads() const;
  [[nodiscard]] const Overlay& overlay() const;

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace unionfs

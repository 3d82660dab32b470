// types.h - the words of the union: what a caller asks with and what the engine answers with.
//
// No wire struct and no system call appears here; fuse/handlers translates both ways.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace unionfs {

// Names one inode of the union for as long as the kernel knows it. 1 is the root; never reused within a mount.
using NodeId = uint64_t;
inline constexpr NodeId kRootNode = 1;

// One path component without '/' or NUL, as the kernel sent it.
using Name = std::string_view;

// Who asks. `umask` is meaningful for creations only.
struct Caller {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  mode_t umask = 0;
  const std::atomic<bool>* interrupted = nullptr;  // set when the kernel says the caller gave up; may be null
};

struct Time {
  int64_t sec = 0;
  uint32_t nsec = 0;
  friend constexpr auto operator<=>(const Time&, const Time&) = default;
};

// What stat and statx show. `ino` is the union's number, not the layer's.
struct Attr {
  uint64_t ino = 0;
  uint64_t size = 0;
  uint64_t blocks = 0;  // of 512 bytes
  uint32_t blksize = 4096;
  uint32_t nlink = 1;
  mode_t mode = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  dev_t rdev = 0;
  Time atime, mtime, ctime;
  std::optional<Time> btime;
  uint64_t attributes = 0;      // STATX_ATTR_* bits the layer set
  uint64_t attributesMask = 0;  // which of them the layer knows
  bool momentary = false;       // may change in ways the kernel does not see: not to be remembered
};

// A name that resolved: the caller of the engine owns one lookup count of `node` until forget().
struct Entry {
  NodeId node = 0;
  Attr attr;
};

// A lookup that found nothing is an answer the kernel caches, so it is no error.
using MaybeEntry = std::optional<Entry>;

// One field of a setattr that is asked for.
struct TimeChange {
  bool now = false;  // the moment of the call; `at` is ignored
  Time at;
};

struct AttrChange {
  std::optional<mode_t> mode;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<uint64_t> size;
  std::optional<TimeChange> atime, mtime;
  // Set-id bits go: a truncation by one without CAP_FSETID (FATTR_KILL_SUIDGID), or a write the engine does not see.
  bool killPrivileges = false;
  bool onlyKeptTimes = false;  // the times that the kernel's write-back cache keeps (mtime, and ctime), and nothing else

  // Nothing is asked for, but that set-id bits may have to go.
  [[nodiscard]] bool isEmpty() const { return !mode && !uid && !gid && !size && !atime && !mtime; }
};

struct NewNode {
  mode_t mode = 0;  // type and permission bits, before the umask
  dev_t rdev = 0;   // for devices
};

// Access of an open file, decoded from O_ACCMODE and friends.
struct OpenFlags {
  int raw = 0;  // open(2) flags as the kernel passed them
  [[nodiscard]] bool writes() const { return (raw & 3) != 0; }
};

struct StatFs {
  uint64_t blocks = 0, bfree = 0, bavail = 0, files = 0, ffree = 0;
  uint32_t bsize = 4096, frsize = 4096, namelen = 255;
};

// One entry as readdir gives it. `cookie` is the offset that continues behind it.
struct DirEntry {
  std::string_view name;
  uint64_t ino = 0;
  uint64_t cookie = 0;
  uint8_t type = 0;  // DT_*
};

// Receives entries until it is full: returns false when this one no longer fitted (it is then not consumed).
using DirSink = std::function<bool(const DirEntry&)>;
// The same with the resolved child; one lookup count goes to the kernel for each entry that was taken, except
// for "." and "..", whose `entry` is null.
using DirPlusSink = std::function<bool(const DirEntry&, const Entry* entry)>;

enum class XattrSetMode { any, create, replace };

enum class RenameMode { replace, noReplace, exchange };

struct WriteOptions {
  bool killPrivileges = false;  // FUSE_WRITE_KILL_SUIDGID
  bool fromCache = false;       // write-back of cached pages: there is no calling process
};

}  // namespace unionfs

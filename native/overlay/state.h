// state.h - what the verbs of the engine share. Private to this room.
#pragma once

#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/blocking.h"
#include "layer/stack.h"
#include "layer/workdir.h"
#include "overlay/fd_cache.h"
#include "overlay/inode_table.h"
#include "overlay/overlay.h"

namespace unionfs {

// Which directories have an index in memory, and how much it weighs.
class ListingBudget {
 public:
  explicit ListingBudget(size_t limit) : limit_(limit) {}
  // `dir` has an index of `bytes` now (0: none). Returns directories whose index should go, least recently used first.
  std::vector<NodeId> account(NodeId dir, size_t bytes);
  [[nodiscard]] size_t bytes() const;
  [[nodiscard]] size_t count() const;

 private:
  struct Slot {
    NodeId dir;
    size_t bytes;
  };
  const size_t limit_;
  mutable std::mutex mu_;
  size_t total_ = 0;
  std::list<Slot> recent_;  // most recently used first
  std::unordered_map<NodeId, std::list<Slot>::iterator> slots_;
};

struct OverlayState {
  static constexpr int kFullWaits = 10;

  OverlayState(std::shared_ptr<LayerStack> layers, OverlayOptions opts);
  ~OverlayState();
  OverlayState(const OverlayState&) = delete;
  OverlayState& operator=(const OverlayState&) = delete;

  std::shared_ptr<LayerStack> stack;
  const OverlayOptions options;

  std::shared_mutex renameMu;  // first in the lock order of overlay.h

  FdCache dirFds;   // key: directory and layer; open for reading
  FdCache dataFds;  // key: file, layer 0; regular files only
  ListingBudget listings;
  std::atomic<uint64_t> pins{0};
  std::atomic<uint64_t> copyUps{0}, copyUpBytes{0};
  std::atomic<bool> upperBroken{false};
  bool acl = true;
  bool kernelKeepsTimes = false;  // constant while serving
  bool canOpenByHandle = false;

  std::mutex unsettledMu;
  std::vector<InodeRef> unsettled;  // hard links whose names the upper lacks (hardlink.h)
  std::atomic<bool> hasUnsettled{false};
  std::mutex staleMu;
  std::vector<NodeId> stale;  // directories whose attributes a copy-up changed behind the kernel's back
  std::atomic<bool> hasStale{false};
  std::mutex keptMu;
  std::unordered_map<NodeId, InodeRef> kept;  // inodes whose state a new lookup could not find again

  InodeTable table;
  InodeRef root;

  [[nodiscard]] WorkDir& work() const { return stack->work(); }

  // EROFS without an upper, or after the upper failed.
  [[nodiscard]] Status requireWritable() const;
  // An I/O error of the upper: from now on the mount refuses changes. Logs once. Returns `error`.
  Errno noteUpperError(Errno error, const char* what);
  Status noteUpper(Status status, const char* what);

  // Runs `op` again for a while when the upper is full and files without a name still take space: the kernel says a
  // little after a removal that it has let go of the file.
  template <typename Op>
  auto retryWhenFull(Op&& op) -> decltype(op()) {
    auto result = op();
    for (int wait = 0; wait < kFullWaits && result.failsWith(ENOSPC) && pins.load(std::memory_order_relaxed) > 0; ++wait) {
      aboutToBlock();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      result = op();
    }
    return result;
  }

  // The kernel must not go on with the attributes it knows of `dir`.
  void noteStale(const Inode& dir);

  // A directory of the union. ESTALE, ENOTDIR.
  Result<InodeRef> findDir(NodeId id);
};

using TreeLock = std::shared_lock<std::shared_mutex>;

}  // namespace unionfs

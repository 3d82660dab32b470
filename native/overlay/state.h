// state.h - what the verbs of the engine share. Private to this room.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/blocking.h"
#include "layer/stack.h"
#include "layer/workdir.h"
#include "overlay/fd_cache.h"
#include "overlay/inode_table.h"
#include "overlay/listing_budget.h"
#include "overlay/overlay.h"
#include "overlay/walk_ahead.h"

namespace unionfs {

// A series of failures to give a hard link's names to the upper.
struct SettlingFailure {
  unsigned count = 0;
  std::chrono::steady_clock::time_point nextTry;
};

// Names the log has told of, so that it does not again; after a thousand of them it is told of none.
class ToldNames {
 public:
  bool isNew(const std::string& path) {
    constexpr size_t kLimit = 1000;
    const std::lock_guard lock(mu_);
    return told_.size() < kLimit && told_.insert(path).second;
  }

 private:
  std::mutex mu_;
  std::unordered_set<std::string> told_;  // guarded by mu_
};

// Files of which cached data got lost, so that the log tells of each once in a series of failures. A series ends when a
// minute has passed without one; of very many files the rest is not told of.
class LostWrites {
 public:
  using Clock = std::chrono::steady_clock;
  bool isNew(NodeId node, Clock::time_point now = Clock::now()) {
    constexpr size_t kLimit = 100;
    constexpr auto kSeriesEnd = std::chrono::minutes(1);
    const std::lock_guard lock(mu_);
    if (now - last_ > kSeriesEnd) told_.clear();
    last_ = now;
    return told_.size() < kLimit && told_.insert(node).second;
  }

 private:
  std::mutex mu_;
  std::unordered_set<NodeId> told_;  // guarded by mu_
  Clock::time_point last_;           // guarded by mu_
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
  ToldNames refusals;
  LostWrites lostWrites;
  std::atomic<uint64_t> pins{0};
  std::atomic<uint64_t> copyUps{0}, copyUpBytes{0};
  std::atomic<bool> upperBroken{false};
  std::atomic<bool> syncsWait{true};  // the last one did
  bool acl = true;
  bool kernelKeepsTimes = false;  // constant while serving
  bool canOpenByHandle = false;
  bool keepsOwners = false;  // some layer keeps owners in xattrs (layer/override_stat.h)

  std::mutex unsettledMu;
  // Guarded by unsettledMu; the two flags tell without the lock whether there is anything to look at.
  std::vector<InodeRef> unsettled;                           // hard links whose names the upper lacks (hardlink.h)
  std::unordered_map<NodeId, SettlingFailure> unsettleable;  // of them, those that could not be given their names
  std::atomic<bool> hasUnsettleable{false};
  std::atomic<bool> hasUnsettled{false};
  const uint64_t serial;  // tells this union from all others of the process
  std::mutex keptMu;
  std::unordered_map<NodeId, InodeRef> kept;  // guarded by keptMu; inodes whose state a new lookup could not find again
  std::atomic<bool> hasKept{false};
  std::mutex preparedMu;
  std::unordered_map<NodeId, InodeRef> prepared;  // guarded by preparedMu; the kernel does not know them yet (prepare.h)
  std::atomic<bool> hasPrepared{false};

  InodeTable table;
  InodeRef root;
  WalkAhead ahead{*this};

  [[nodiscard]] WorkDir& work() const { return stack->work(); }
  // Of the upper.
  [[nodiscard]] const Overrides& overrides() const { return stack->upper().overrides(); }

  // A lower whose owner says that it does not change; what its records say is so.
  [[nodiscard]] bool isSealed(LayerIndex layer) const;

  // EROFS without an upper, or after the upper failed.
  [[nodiscard]] Status requireWritable() const;
  // An I/O error of the upper: from now on the mount refuses changes. Logs once. Returns `error`.
  Errno noteUpperError(Errno error, const char* what);
  Status noteUpper(Status status, const char* what);

  // fsync(2) of a file or directory of the upper. Another thread reads meanwhile, unless the last one took no time: on a
  // tmpfs it never does, and changing threads takes longer than all the rest.
  Status sync(int fd, bool dataOnly, const char* what);

  // Runs `op` again for a while when the upper is full and files without a name still take space: the kernel says a
  // little after a removal that it has let go of the file. Every verb that may take space goes through it, whole, because
  // it sleeps: no lock of the tree may be held.
  template <typename Op>
  auto retryWhenFull(Op&& op) -> decltype(op()) {
    for (int wait = 0;; ++wait) {
      const bool mayComeFree = pins.load(std::memory_order_relaxed) > 0;
      auto result = op();
      if (!mayComeFree || wait == kFullWaits || !result.failsWith(ENOSPC)) return result;
      waitForRoom();
    }
  }

  // The kernel is about to write to the upper without us, which no retry can help: when the upper has next to no room
  // and files without a name still take space, waits a little for it. No lock of the tree may be held.
  void awaitRoom() const;

  static void waitForRoom();

  // The kernel must not go on with the attributes it knows of `inode`: noted for the calling thread, which answers the verb.
  void noteStale(const Inode& inode) const;
  // What was noted by the calling thread; each once.
  [[nodiscard]] std::vector<NodeId> takeStale() const;

  // A directory of the union. ESTALE, ENOTDIR.
  Result<InodeRef> findDir(NodeId id);
};

using TreeLock = std::shared_lock<std::shared_mutex>;

}  // namespace unionfs

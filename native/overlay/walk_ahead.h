// walk_ahead.h - reads directories before a client that walks the tree asks for them.
//
// Who walks a tree (find, du, tar) lists one directory after the other, in the order the union gives them, and takes about
// as long over each as the engine does. A thread beside serving reads the next few while the client is at the last: their
// names, and the attributes of files of lowers, which no change through the union makes wrong (a changed file is the
// upper's). The kernel is told of nothing, and what is not asked for within a second is forgotten.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

#include "overlay/inode.h"
#include "sys/serving_thread.h"

namespace unionfs {

struct OverlayState;

class WalkAhead {
 public:
  explicit WalkAhead(OverlayState& state) : state_(state) {}
  ~WalkAhead() { stop(); }
  WalkAhead(const WalkAhead&) = delete;
  WalkAhead& operator=(const WalkAhead&) = delete;

  // Before the first request; without it nothing is read ahead. EAGAIN: no thread can be had.
  Status start();
  // Ends the thread. Listings go on without it.
  void stop();

  // A client lists the directory from the start; it was given its last name. No lock held.
  void listingBegins(Inode& dir);
  void listingEnds(Inode& dir);

 private:
  using Dirs = std::deque<InodeRef>;

  void run();
  // Reads the next directory. `lock` is of mu_, here and below; it is given up meanwhile.
  void step(std::unique_lock<std::mutex>& lock);
  // Waits for more to be wanted; forgets what nobody asked for.
  void rest(std::unique_lock<std::mutex>& lock);
  // Whether a walk that is at here_ may come next to a directory below these: into it, beside it, or beside one above.
  [[nodiscard]] bool mayComeFromHere(const std::vector<NodeId>& above) const;
  // It was read ahead, or is being read, and nobody has begun to list it.
  [[nodiscard]] bool isAwaited(const Inode& dir) const;
  [[nodiscard]] bool isAwaitedLocked(const Inode& dir) const;
  // The directory that a walk in the order of the listings comes to after this one; null at the end of the tree.
  InodeRef next(Inode& dir);
  InodeRef directoryAfter(Inode& dir, uint64_t cookie);
  void read(Inode& dir);
  std::vector<StatAhead> statFiles(Inode& dir);
  void forget(const Dirs& dirs);

  OverlayState& state_;
  std::atomic<bool> started_{false};
  mutable std::mutex mu_;  // a leaf
  std::condition_variable changed_;
  // Guarded by mu_:
  bool stopping_ = false;
  bool wanted_ = false;        // more is to be read
  unsigned inOrder_ = 0;       // listings in a row that may be of one walk
  uint64_t moves_ = 0;         // listings begun
  NodeId here_ = 0;            // listed last
  std::vector<NodeId> above_;  // directories above it, nearest first
  InodeRef current_;           // the same as here_, if it was read ahead
  Dirs ahead_;                 // read, or just being read, in the order of the walk
  sys::Thread thread_;
};

}  // namespace unionfs

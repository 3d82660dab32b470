// listing_budget.h - how much memory the indexes of directories take, and which of them go when it is too much.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "overlay/types.h"

namespace unionfs {

// When an index was last used, in steps of the budget's clock. Stamped without a lock at each use.
using UseStamp = std::atomic<uint64_t>;

class ListingBudget {
 public:
  explicit ListingBudget(size_t limit) : limit_(limit) {}

  // `dir` has an index of `bytes` now, and uses it. `used` must live until drop(dir).
  void account(NodeId dir, size_t bytes, UseStamp& used);
  void drop(NodeId dir) noexcept;
  // Moves on with each index that is accounted for: uses between two of those count as one moment.
  void stamp(UseStamp& used) const {
    const uint64_t now = now_.load(std::memory_order_relaxed);
    if (used.load(std::memory_order_relaxed) != now) used.store(now, std::memory_order_relaxed);
  }

  // The limit was passed since victims() was asked last.
  [[nodiscard]] bool exceeded() const { return exceeded_.load(std::memory_order_relaxed); }
  // Directories whose index should go, least recently used first; `keep` is none of them. A little more than is needed
  // at once, so that they are not looked for at each step.
  std::vector<NodeId> victims(NodeId keep);

  [[nodiscard]] size_t bytes() const;
  [[nodiscard]] size_t count() const;

 private:
  struct Slot {
    size_t bytes = 0;
    const UseStamp* used = nullptr;
  };
  const size_t limit_;
  std::atomic<uint64_t> now_{1};
  std::atomic<bool> exceeded_{false};
  mutable std::mutex mu_;
  size_t total_ = 0;                        // guarded by mu_
  std::unordered_map<NodeId, Slot> slots_;  // guarded by mu_
};

}  // namespace unionfs

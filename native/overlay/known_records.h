// known_records.h - which records of its lowers a directory uses: found and checked once, then at hand for its lifetime.
#pragma once

#include <atomic>
#include <memory>
#include <span>

#include "index/dir_record.h"
#include "layer/stack.h"

namespace unionfs {

class KnownRecords {
 public:
  struct Slot {
    LayerIndex layer = 0;
    std::atomic<bool> settled{false};               // it is known whether there is a record; set after `record`
    std::atomic<const DirRecord*> record{nullptr};  // of the store, which outlives every inode
    void settle(const DirRecord* found) {
      record.store(found, std::memory_order_relaxed);
      settled.store(true, std::memory_order_release);
    }
  };

  // Once, before anybody else sees the directory. Lowers only, top first.
  void begin(std::span<const LayerIndex> layers) {
    if (!layers.empty() && layers.front() == kUpperLayer) layers = layers.subspan(1);
    count_ = layers.size();
    if (count_ == 0) return;
    slots_ = std::make_unique<Slot[]>(count_);
    for (size_t i = 0; i < count_; ++i) slots_[i].layer = layers[i];
  }
  // Null for a layer that had no part in the directory when it was found.
  [[nodiscard]] Slot* of(LayerIndex layer) const {
    size_t low = 0, high = count_;
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (slots_[middle].layer < layer)
        low = middle + 1;
      else
        high = middle;
    }
    return low < count_ && slots_[low].layer == layer ? &slots_[low] : nullptr;
  }

 private:
  std::unique_ptr<Slot[]> slots_;
  size_t count_ = 0;
};

}  // namespace unionfs

// record_store.h - the records of a mount's layers that are in memory, and those that were learned and wait to be kept.
//
// Filled while the engine serves: what is not there is asked of the layer. A record, once in, stays and does not move
// until the store goes, so the engine may hold pointers. The memory is bounded: what does not fit is left out.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "index/dir_record.h"

namespace unionfs {

enum class LayerTrust : uint8_t {
  unknown,  // nothing may be used (yet)
  checked,  // a record is used after a stat of its directory agreed
  sealed,   // somebody vouches that the layer does not change: records are used as they are
};

struct RecordLimits {
  size_t recordBytes = 128 << 20;
  size_t learnedBytes = 16 << 20;  // waiting to be taken; more is forgotten
};

// A directory that was read from its layer, and no record told.
struct LearnedRecord {
  uint16_t layer = 0;
  std::string path;  // below the layer's root, without a leading slash; empty: the root
  std::string bytes;
};

struct RecordStats {
  uint64_t records = 0, bytes = 0, limit = 0;
  uint64_t rejected = 0;   // damaged, of another version, or over the limit
  uint64_t used = 0;       // directories answered from a record
  uint64_t stale = 0;      // records their directory did not agree with
  uint64_t learned = 0;    // directories recorded anew
  uint64_t forgotten = 0;  // the same, and dropped again because nobody took them in time
};

class RecordStore {
 public:
  explicit RecordStore(size_t layers, RecordLimits limits = {});

  // What may be done with records of a layer. Told before the first of them.
  void setTrust(uint16_t layer, LayerTrust trust);
  // All records of the layer there will be are in.
  void setComplete(uint16_t layer);
  [[nodiscard]] bool complete(uint16_t layer) const;
  [[nodiscard]] bool has(uint16_t layer) const;
  [[nodiscard]] LayerTrust trust(uint16_t layer) const;
  // False when it is no record, or does not fit.
  bool add(uint16_t layer, std::string bytes);
  // Null: not known. Lives as long as the store.
  [[nodiscard]] const DirRecord* find(uint16_t layer, uint64_t ino) const;

  // From now on what is read from layers is worth recording.
  void startLearning() { learning_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool learning() const { return learning_.load(std::memory_order_relaxed); }
  // Whether this directory still has to be learned; true once for each.
  bool claim(uint16_t layer, uint64_t ino);
  void learn(LearnedRecord record);
  std::vector<LearnedRecord> takeLearned();

  // The errno of asking a layer for an xattr of a kind ("user", "trusted" ...) that a file lacks: found out once.
  Errno missingXattr(uint16_t layer, std::string_view kind, const std::function<int()>& findOut);

  void noteUsed() { used_.fetch_add(1, std::memory_order_relaxed); }
  // True the first time.
  bool noteStale() { return stale_.fetch_add(1, std::memory_order_relaxed) == 0; }
  [[nodiscard]] RecordStats stats() const;

 private:
  struct Layer {
    std::atomic<LayerTrust> trust{LayerTrust::unknown};
    std::atomic<bool> complete{false}, any{false};
    std::array<std::atomic<int>, 4> missingXattr{};  // by kind; 0: not yet asked
    mutable std::shared_mutex mu;
    std::unordered_map<uint64_t, std::unique_ptr<const DirRecord>> records;  // guarded by mu; by inode number
  };

  const RecordLimits limits_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::atomic<uint64_t> count_{0}, bytes_{0}, rejected_{0}, used_{0}, stale_{0}, learned_{0}, forgotten_{0};
  std::atomic<bool> learning_{false};
  std::mutex learnedMu_;
  std::vector<LearnedRecord> waiting_;                 // guarded by learnedMu_
  size_t waitingBytes_ = 0;                            // guarded by learnedMu_
  std::vector<std::unordered_set<uint64_t>> claimed_;  // guarded by learnedMu_; by layer
};

}  // namespace unionfs

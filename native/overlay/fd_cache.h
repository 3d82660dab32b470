// fd_cache.h - a bounded set of descriptors that can be had again: least recently used go first.
//
// A descriptor handed out stays open while somebody holds it, whatever the cache does meanwhile.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "overlay/inode.h"

namespace unionfs {

struct FdKey {
  NodeId node = 0;
  LayerIndex layer = 0;
  friend bool operator==(const FdKey&, const FdKey&) = default;
};

struct CachedFd {
  FdRef fd;
  bool writable = false;
  bool appends = false;  // the file has the append-only flag: every write goes to its end
  bool ofUpper = false;  // of data: the upper's file, which a change may be made to
};

class FdCache {
 public:
  explicit FdCache(size_t capacity) : capacity_(capacity) {}

  // An empty `fd` when not cached.
  CachedFd get(FdKey key);
  void put(FdKey key, CachedFd value);
  void drop(FdKey key);
  void clear();
  [[nodiscard]] size_t size() const;

 private:
  struct Slot {
    FdKey key;
    CachedFd value;
  };
  struct Hash {
    size_t operator()(const FdKey& key) const { return std::hash<uint64_t>{}(key.node * 0x9e3779b97f4a7c15ULL + key.layer); }
  };

  const size_t capacity_;
  mutable std::mutex mu_;
  std::list<Slot> recent_;                                            // guarded by mu_; most recently used first
  std::unordered_map<FdKey, std::list<Slot>::iterator, Hash> slots_;  // guarded by mu_
};

}  // namespace unionfs

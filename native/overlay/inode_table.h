// inode_table.h - finds an inode by node id or by the real file behind it, and counts what the kernel knows.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "overlay/inode.h"

namespace unionfs {

// Keeps files that were made together together: their inode numbers are neighbours, and so are their places in a table whose number
// of places is prime. (A hash that scatters them takes three cache misses for each file of a walk.)
struct RealKeyHash {
  size_t operator()(const RealKey& key) const {
    return key.ino + static_cast<uint64_t>(key.dev) * 0x9e3779b97f4a7c15ULL + static_cast<uint64_t>(key.layer) * 0xc2b2ae3d27d4eb4fULL;
  }
};

class InodeTable {
 public:
  // `onGone` runs for each inode that dies, without a lock, before its memory goes.
  explicit InodeTable(std::function<void(Inode&)> onGone) : onGone_(std::move(onGone)) {}
  ~InodeTable();

  // ESTALE for an id nobody was given, or that was forgotten.
  Result<InodeRef> find(NodeId id);
  InodeRef findByKey(const RealKey& key);

  // The inode of `key`, made by the arguments when it is new. `created` tells which.
  struct Made {
    InodeRef inode;
    bool created = false;
  };
  // `initialize` runs on a new inode before anybody else can see it, under the table's lock: no system call in it.
  Made findOrCreate(const RealKey& key, mode_t type, uint64_t ino, LayerIndex layer, const std::function<void(Inode&)>& initialize);

  // A new inode, of the same file, that lookups find from now on instead of `former`.
  InodeRef succeed(Inode& former);

  void addKey(Inode& inode, const RealKey& key);
  void dropKey(Inode& inode, const RealKey& key);
  void dropKeys(Inode& inode);

  // The kernel was told of the inode once more. Done before the reply is written.
  void countLookup(Inode& inode);
  // Gives back `count`; more than were given is clamped.
  void forget(NodeId id, uint64_t count);

  // An inode number a later inode of `key` must show: its predecessor had it and the layer cannot tell.
  void rememberIno(const RealKey& key, uint64_t ino);
  // The file's last name goes: its real number may mean another file afterwards.
  void forgetInos(const Inode& inode);
  void forgetIno(const RealKey& key);  // the same of a file that is not known
  [[nodiscard]] std::optional<uint64_t> rememberedIno(const RealKey& key) const;

  [[nodiscard]] uint64_t size() const;
  [[nodiscard]] uint64_t lookups() const;

 private:
  friend class InodeRef;
  // Gives back one reference, and what goes with it.
  void release(Inode* inode);
  // True when it was the last one: the inode is in the table no more, and the caller's to delete.
  bool giveBack(Inode& inode);
  // Whether so much went since memory was last given back that it pays to do so.
  bool hasShrunk();
  void unlinkLocked(Inode& inode);

  const std::function<void(Inode&)> onGone_;
  mutable std::mutex mu_;
  // Guarded by mu_:
  std::unordered_map<NodeId, Inode*> byId_;
  std::unordered_map<RealKey, Inode*, RealKeyHash> byKey_;
  std::unordered_map<RealKey, uint64_t, RealKeyHash> inoHints_;
  NodeId nextId_ = kRootNode;
  uint64_t lookups_ = 0;
  uint64_t peak_ = 0;  // inodes since memory was last given back
};

}  // namespace unionfs

#include "overlay/inode_table.h"

#include <malloc.h>

#include <algorithm>
#include <utility>

namespace unionfs {

InodeRef::InodeRef(const InodeRef& other) : inode_(other.inode_) {
  if (inode_ != nullptr) inode_->refs_.fetch_add(1, std::memory_order_relaxed);
}

InodeRef InodeRef::of(Inode& inode) {
  inode.refs_.fetch_add(1, std::memory_order_relaxed);
  return InodeRef(&inode);
}

InodeRef::~InodeRef() {
  if (inode_ != nullptr) inode_->table.release(inode_);
}

InodeTable::~InodeTable() {
  std::vector<NodeId> known;
  for (const auto& [id, inode] : byId_) {
    if (inode->lookups_ > 0) known.push_back(id);
  }
  for (const NodeId id : known) forget(id, UINT64_MAX);
}

Result<InodeRef> InodeTable::find(NodeId id) {
  const std::lock_guard lock(mu_);
  const auto it = byId_.find(id);
  if (it == byId_.end()) return Errno(ESTALE);
  it->second->refs_.fetch_add(1, std::memory_order_relaxed);
  return InodeRef(it->second);
}

InodeRef InodeTable::findByKey(const RealKey& key) {
  const std::lock_guard lock(mu_);
  const auto it = byKey_.find(key);
  if (it == byKey_.end()) return {};
  it->second->refs_.fetch_add(1, std::memory_order_relaxed);
  return InodeRef(it->second);
}

InodeTable::Made InodeTable::findOrCreate(const RealKey& key, mode_t type, uint64_t ino, LayerIndex layer,
                                          const std::function<void(Inode&)>& initialize) {
  const std::lock_guard lock(mu_);
  const auto [it, created] = byKey_.try_emplace(key, nullptr);
  if (created) {
    try {
      auto inode = std::make_unique<Inode>(*this, nextId_++, type, ino, layer);
      inode->keys_.push_back(key);
      initialize(*inode);
      byId_.emplace(inode->id, inode.get());
      it->second = inode.release();
    } catch (...) {
      byKey_.erase(it);
      throw;
    }
    peak_ = std::max<uint64_t>(peak_, byId_.size());
  }
  it->second->refs_.fetch_add(1, std::memory_order_relaxed);
  return {InodeRef(it->second), created};
}

InodeRef InodeTable::succeed(Inode& former) {
  const std::lock_guard lock(mu_);
  auto made = std::make_unique<Inode>(*this, nextId_++, former.type, former.ino, former.layer.load(std::memory_order_acquire));
  byId_.emplace(made->id, made.get());
  made->keys_.swap(former.keys_);
  for (const auto& key : made->keys_) byKey_[key] = made.get();
  peak_ = std::max<uint64_t>(peak_, byId_.size());
  made->refs_.fetch_add(1, std::memory_order_relaxed);
  return InodeRef(made.release());
}

void InodeTable::addKey(Inode& inode, const RealKey& key) {
  const std::lock_guard lock(mu_);
  inode.keys_.reserve(inode.keys_.size() + 1);  // an entry of byKey_ must not be left without its record here
  byKey_[key] = &inode;
  inode.keys_.push_back(key);
}

void InodeTable::dropKey(Inode& inode, const RealKey& key) {
  const std::lock_guard lock(mu_);
  if (std::erase(inode.keys_, key) > 0) byKey_.erase(key);
}

void InodeTable::dropKeys(Inode& inode) {
  const std::lock_guard lock(mu_);
  for (const auto& key : inode.keys_) byKey_.erase(key);
  inode.keys_.clear();
}

void InodeTable::countLookup(Inode& inode) {
  const std::lock_guard lock(mu_);
  if (inode.lookups_++ == 0) inode.refs_.fetch_add(1, std::memory_order_relaxed);
  ++lookups_;
}

void InodeTable::forget(NodeId id, uint64_t count) {
  Inode* gone = nullptr;
  {
    const std::lock_guard lock(mu_);
    const auto it = byId_.find(id);
    if (it == byId_.end() || it->second->lookups_ == 0) return;
    const uint64_t given = std::min(count, it->second->lookups_);
    it->second->lookups_ -= given;
    lookups_ -= given;
    if (it->second->lookups_ == 0) gone = it->second;
  }
  if (gone != nullptr) const InodeRef last(gone);
}

void InodeTable::unlinkLocked(Inode& inode) {
  for (const auto& key : inode.keys_) byKey_.erase(key);
  byId_.erase(inode.id);
}

bool InodeTable::giveBack(Inode& inode) {
  // Only the step to zero needs the table: until then nobody can be about to free it.
  uint32_t refs = inode.refs_.load(std::memory_order_relaxed);
  while (refs > 1) {
    if (inode.refs_.compare_exchange_weak(refs, refs - 1, std::memory_order_acq_rel)) return false;
  }
  const std::lock_guard lock(mu_);
  if (inode.refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return false;
  unlinkLocked(inode);
  return true;
}

void InodeTable::release(Inode* inode) {
  if (!giveBack(*inode)) return;
  // What goes gives back its parents, which may go as well. They wait in a list: trees are deeper than stacks.
  for (Inode* gone = inode; gone != nullptr;) {
    const std::unique_ptr<Inode> owned(gone);
    gone = owned->nextGone_;
    onGone_(*owned);
    for (auto& link : owned->links) {
      Inode* parent = std::exchange(link.parent.inode_, nullptr);
      if (parent == nullptr || !giveBack(*parent)) continue;
      parent->nextGone_ = gone;
      gone = parent;
    }
  }
  if (hasShrunk()) ::malloc_trim(0);
}

bool InodeTable::hasShrunk() {
  const std::lock_guard lock(mu_);
  const bool shrunk = peak_ > 65536 && byId_.size() < peak_ / 4;
  if (shrunk) peak_ = byId_.size();
  return shrunk;
}

void InodeTable::rememberIno(const RealKey& key, uint64_t ino) {
  const std::lock_guard lock(mu_);
  inoHints_[key] = ino;
}

void InodeTable::forgetInos(const Inode& inode) {
  const std::lock_guard lock(mu_);
  for (const auto& key : inode.keys_) inoHints_.erase(key);
}

void InodeTable::forgetIno(const RealKey& key) {
  const std::lock_guard lock(mu_);
  inoHints_.erase(key);
}

std::optional<uint64_t> InodeTable::rememberedIno(const RealKey& key) const {
  const std::lock_guard lock(mu_);
  const auto it = inoHints_.find(key);
  if (it == inoHints_.end()) return std::nullopt;
  return it->second;
}

uint64_t InodeTable::size() const {
  const std::lock_guard lock(mu_);
  return byId_.size();
}

uint64_t InodeTable::lookups() const {
  const std::lock_guard lock(mu_);
  return lookups_;
}

}  // namespace unionfs

#include "overlay/fd_cache.h"

namespace unionfs {

CachedFd FdCache::get(FdKey key) {
  const std::lock_guard lock(mu_);
  const auto it = slots_.find(key);
  if (it == slots_.end()) return {};
  recent_.splice(recent_.begin(), recent_, it->second);
  return it->second->value;
}

void FdCache::put(FdKey key, CachedFd value) {
  CachedFd replaced;  // closed after the lock is gone
  std::list<Slot> evicted;
  const std::lock_guard lock(mu_);
  if (const auto it = slots_.find(key); it != slots_.end()) {
    replaced = std::exchange(it->second->value, std::move(value));
    return;
  }
  std::list<Slot> fresh;
  fresh.push_front({key, std::move(value)});
  slots_[key] = fresh.begin();  // needs memory, so that the list stays as it is if there is none
  recent_.splice(recent_.begin(), fresh);
  while (slots_.size() > capacity_) {
    slots_.erase(recent_.back().key);
    evicted.splice(evicted.begin(), recent_, std::prev(recent_.end()));
  }
}

void FdCache::drop(FdKey key) {
  std::list<Slot> dropped;
  const std::lock_guard lock(mu_);
  const auto it = slots_.find(key);
  if (it == slots_.end()) return;
  dropped.splice(dropped.begin(), recent_, it->second);
  slots_.erase(it);
}

void FdCache::clear() {
  const std::lock_guard lock(mu_);
  slots_.clear();
  recent_.clear();
}

size_t FdCache::size() const {
  const std::lock_guard lock(mu_);
  return slots_.size();
}

}  // namespace unionfs

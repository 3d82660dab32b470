#include "overlay/listing_budget.h"

#include <algorithm>
#include <tuple>

namespace unionfs {

void ListingBudget::account(NodeId dir, size_t bytes, UseStamp& used) {
  const std::lock_guard lock(mu_);
  Slot& slot = slots_[dir];
  total_ += bytes - slot.bytes;
  slot = {bytes, &used};
  used.store(now_.fetch_add(1, std::memory_order_relaxed), std::memory_order_relaxed);
  if (total_ > limit_) exceeded_.store(true, std::memory_order_relaxed);
}

void ListingBudget::drop(NodeId dir) noexcept {
  const std::lock_guard lock(mu_);
  const auto slot = slots_.find(dir);
  if (slot == slots_.end()) return;
  total_ -= slot->second.bytes;
  slots_.erase(slot);
}

std::vector<NodeId> ListingBudget::victims(NodeId keep) {
  std::vector<NodeId> out;
  const std::lock_guard lock(mu_);
  exceeded_.store(false, std::memory_order_relaxed);
  if (total_ <= limit_) return out;
  std::vector<std::tuple<uint64_t, NodeId, size_t>> byUse;
  byUse.reserve(slots_.size());
  for (const auto& [dir, slot] : slots_) {
    if (dir != keep) byUse.emplace_back(slot.used->load(std::memory_order_relaxed), dir, slot.bytes);
  }
  std::ranges::sort(byUse);
  size_t left = total_;
  for (const auto& [used, dir, bytes] : byUse) {
    if (left <= limit_ - limit_ / 8) break;
    out.push_back(dir);
    left -= bytes;
  }
  return out;
}

size_t ListingBudget::bytes() const {
  const std::lock_guard lock(mu_);
  return total_;
}

size_t ListingBudget::count() const {
  const std::lock_guard lock(mu_);
  return slots_.size();
}

}  // namespace unionfs

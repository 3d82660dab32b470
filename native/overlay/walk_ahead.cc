#include "overlay/walk_ahead.h"

#include <dirent.h>

#include <algorithm>
#include <exception>

#include "base/log.h"
#include "overlay/listing.h"
#include "overlay/lookup.h"

namespace unionfs {
namespace {

// Listings in a row that look like one walk before anything is read ahead.
constexpr unsigned kWalk = 2;
// Directories read ahead. The thread is woken when half of them are used up: waking it costs more than a small directory.
constexpr size_t kAhead = 8;
// Files of one directory whose attributes are kept; entries looked through for the next directory; levels gone up.
constexpr size_t kMostStats = 2048;
constexpr size_t kMostEntries = 4096;
constexpr size_t kMostLevels = 64;
// So many files are looked at before it is asked whether the client is there already.
constexpr size_t kStride = 32;
constexpr auto kPatience = std::chrono::seconds(1);

std::vector<NodeId> dirsAbove(Inode& dir) {
  std::vector<NodeId> above;
  for (auto link = oneLinkOf(dir); link && above.size() < kMostLevels; link = oneLinkOf(*link->parent)) above.push_back(link->parent->id);
  return above;
}

}  // namespace

void WalkAhead::stop() {
  {
    const std::lock_guard lock(mu_);
    stopping_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

Status WalkAhead::start() {
  TRY_ASSIGN(thread_, sys::Thread::start([this] { run(); }));
  started_.store(true, std::memory_order_release);
  return success();
}

// --- where the client is

bool WalkAhead::mayComeFromHere(const std::vector<NodeId>& above) const {
  if (here_ == 0 || above.empty()) return false;
  return above.front() == here_ || std::ranges::find(above_, above.front()) != above_.end();
}

void WalkAhead::listingBegins(Inode& dir) {
  if (!started_.load(std::memory_order_acquire)) return;
  Dirs over;
  std::vector<NodeId> above = dirsAbove(dir);
  {
    const std::lock_guard lock(mu_);
    if (current_) over.push_back(std::exchange(current_, {}));
    const auto foreseen = std::ranges::find(ahead_, dir.id, [](const InodeRef& each) { return each->id; });
    if (foreseen != ahead_.end()) {
      current_ = *foreseen;
      over.insert(over.end(), ahead_.begin(), foreseen);
      ahead_.erase(ahead_.begin(), foreseen + 1);
    } else {
      over.insert(over.end(), ahead_.begin(), ahead_.end());
      inOrder_ = ahead_.empty() && mayComeFromHere(above) ? inOrder_ + 1 : 0;
      ahead_.clear();
    }
    here_ = dir.id;
    above_ = std::move(above);
    ++moves_;
    if (inOrder_ >= kWalk && ahead_.size() <= kAhead / 2 && !wanted_) {
      wanted_ = true;
      changed_.notify_one();
    }
  }
  forget(over);
}

void WalkAhead::listingEnds(Inode& dir) {
  Dirs over;
  {
    const std::lock_guard lock(mu_);
    if (!current_ || current_->id != dir.id) return;
    over.push_back(std::exchange(current_, {}));
  }
  forget(over);
}

bool WalkAhead::isAwaited(const Inode& dir) const {
  const std::lock_guard lock(mu_);
  return isAwaitedLocked(dir);
}

bool WalkAhead::isAwaitedLocked(const Inode& dir) const {
  return !stopping_ && std::ranges::any_of(ahead_, [&dir](const InodeRef& each) { return each.get() == &dir; });
}

// --- the thread

void WalkAhead::run() {
  const Status ready = sys::becomeServingThread("unionfs-ahead");
  if (!ready)
    log::write(log::Level::debug, "the thread that reads ahead keeps the umask of the process", {{"errno", ready.error().value()}});
  std::unique_lock lock(mu_);
  while (!stopping_) {
    try {
      wanted_ ? step(lock) : rest(lock);
    } catch (const std::exception& error) {
      if (!lock.owns_lock()) lock.lock();
      wanted_ = false;
      log::write(log::Level::warn, "nothing is read ahead", {{"why", error.what()}});
    }
  }
  const Dirs left = std::exchange(ahead_, {});
  const InodeRef last = std::exchange(current_, {});
  lock.unlock();
}

void WalkAhead::rest(std::unique_lock<std::mutex>& lock) {
  if (ahead_.empty() && !current_) return changed_.wait(lock);
  const uint64_t moves = moves_;
  if (changed_.wait_for(lock, kPatience) != std::cv_status::timeout || moves_ != moves) return;
  Dirs over = std::exchange(ahead_, {});
  if (current_) over.push_back(std::exchange(current_, {}));
  inOrder_ = 0;
  lock.unlock();
  forget(over);
  over.clear();
  lock.lock();
}

void WalkAhead::step(std::unique_lock<std::mutex>& lock) {
  const NodeId from = ahead_.empty() ? here_ : ahead_.back()->id;
  lock.unlock();
  InodeRef found;
  if (const auto dir = state_.table.find(from); dir.ok()) found = next(**dir);
  lock.lock();
  const bool wentElsewhere = from != (ahead_.empty() ? here_ : ahead_.back()->id);
  const bool awaited = found && !wentElsewhere;
  if (awaited) ahead_.push_back(found);
  wanted_ = awaited ? ahead_.size() < kAhead : wanted_ && wentElsewhere && inOrder_ >= kWalk;
  lock.unlock();
  if (awaited) read(*found);
  found = {};
  lock.lock();
}

InodeRef WalkAhead::next(Inode& dir) {
  const TreeLock tree(state_.renameMu);
  if (InodeRef child = directoryAfter(dir, 0)) return child;
  InodeRef at = InodeRef::of(dir);
  for (size_t level = 0; level < kMostLevels; ++level) {
    auto link = oneLinkOf(*at);
    if (!link) break;
    uint64_t cookie = 0;
    {
      const std::shared_lock shared(link->parent->dir->mu);
      const IndexEntry* entry = link->parent->dir->index ? link->parent->dir->index->find(link->name) : nullptr;
      if (entry == nullptr) break;
      cookie = entry->cookie;
    }
    if (InodeRef beside = directoryAfter(*link->parent, cookie)) return beside;
    at = std::move(link->parent);
  }
  return {};
}

InodeRef WalkAhead::directoryAfter(Inode& dir, uint64_t cookie) {
  const std::shared_lock shared(dir.dir->mu);
  if (!dir.dir->index) return {};
  const DirIndex& index = *dir.dir->index;
  size_t looked = 0;
  for (const IndexEntry* at = index.after(cookie); at != nullptr && ++looked <= kMostEntries; at = index.after(at->cookie)) {
    if (at->type != DT_DIR) continue;
    const auto name = CName::of(index.nameOf(*at));
    if (!name.ok()) continue;
    if (InodeRef child = childDirectory(state_, dir, *name)) return child;
  }
  return {};
}

void WalkAhead::read(Inode& dir) {
  const TreeLock tree(state_.renameMu);
  {
    const std::unique_lock exclusive(dir.dir->mu);
    // Whoever lists it is told why it cannot be read.
    if (dir.dir->removed || !loadIndex(state_, dir).ok()) return;
  }
  std::vector<StatAhead> stats = statFiles(dir);
  const std::unique_lock exclusive(dir.dir->mu);
  // Kept for a listing that is to come; who has begun to list it forgets only what he found.
  const std::lock_guard lock(mu_);
  if (isAwaitedLocked(dir)) dir.dir->ahead = std::move(stats);
}

std::vector<StatAhead> WalkAhead::statFiles(Inode& dir) {
  std::vector<StatAhead> stats;
  const std::shared_lock shared(dir.dir->mu);
  if (!dir.dir->index) return stats;
  const DirIndex& index = *dir.dir->index;
  size_t looked = 0;
  for (const IndexEntry* at = index.after(0); at != nullptr && looked < kMostStats; at = index.after(at->cookie)) {
    if (!at->visible() || at->type == DT_DIR || at->top == kUpperLayer || state_.isSealed(at->top)) continue;
    if (looked++ % kStride == 0 && !isAwaited(dir)) break;
    const auto name = CName::of(index.nameOf(*at));
    if (!name.ok()) continue;
    if (const auto stat = statOfEntry(state_, dir, *at, *name); stat.ok()) stats.push_back({at->cookie, at->top, *stat});
  }
  return stats;
}

void WalkAhead::forget(const Dirs& dirs) {
  if (dirs.empty()) return;
  const TreeLock tree(state_.renameMu);
  for (const InodeRef& each : dirs) {
    const std::unique_lock exclusive(each->dir->mu);
    std::vector<StatAhead>().swap(each->dir->ahead);
  }
}

}  // namespace unionfs

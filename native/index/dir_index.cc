#include "index/dir_index.h"

#include <dirent.h>

#include <algorithm>
#include <cstring>
#include <random>

namespace unionfs {

namespace {

__extension__ using Wide = unsigned __int128;

uint64_t mix(uint64_t a, uint64_t b) {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64U);
}

uint64_t seed() {
  static const uint64_t value = [] {
    std::random_device device;
    return (static_cast<uint64_t>(device()) << 32U) | device();
  }();
  return value;
}

bool byCookie(const IndexEntry& entry, uint64_t cookie) { return entry.cookie < cookie; }

// How many entries wait unsorted-in before they are merged: keeps both an insertion and the merge cheap.
size_t addedLimit(size_t entries) { return 64 + entries / 64; }

}  // namespace

uint64_t cookieOf(std::string_view name) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15ULL;
  uint64_t h = seed() ^ (name.size() * kOdd);
  while (!name.empty()) {
    uint64_t word = 0;
    const size_t take = std::min(name.size(), sizeof word);
    std::memcpy(&word, name.data(), take);
    name.remove_prefix(take);
    h = mix(h ^ word, kOdd) + word;
  }
  const uint64_t cookie = mix(h, kOdd ^ seed()) >> 1U;
  // Room above for collisions, and below for the fixed cookies.
  return std::clamp<uint64_t>(cookie, kFirstCookie, (uint64_t{1} << 63U) - (1U << 20U));
}

std::span<const uint16_t> DirIndex::layersOf(const IndexEntry& entry) const {
  if (entry.dirList == 0) return {&entry.top, 1};
  return dirLists_[entry.dirList - 1];
}

IndexEntry* DirIndex::findMutable(std::string_view name) {
  for (auto* list : {&entries_, &added_}) {
    uint64_t cookie = cookieOf(name);
    // A collision sits on the next free cookie, in either list.
    for (auto it = std::lower_bound(list->begin(), list->end(), cookie, byCookie); it != list->end() && it->cookie - cookie < 16; ++it) {
      if (!it->has(IndexEntry::kErased) && nameOf(*it) == name) return &*it;
    }
  }
  return nullptr;
}

const IndexEntry* DirIndex::find(std::string_view name) const { return const_cast<DirIndex*>(this)->findMutable(name); }

const IndexEntry* DirIndex::after(uint64_t cookie) const {
  const auto next = [cookie](const std::vector<IndexEntry>& list) -> const IndexEntry* {
    auto it = std::lower_bound(list.begin(), list.end(), cookie + 1, byCookie);
    while (it != list.end() && it->has(IndexEntry::kErased)) ++it;
    return it == list.end() ? nullptr : &*it;
  };
  const IndexEntry* a = next(entries_);
  const IndexEntry* b = next(added_);
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  return a->cookie < b->cookie ? a : b;
}

size_t DirIndex::bytes() const {
  return (entries_.capacity() + added_.capacity()) * sizeof(IndexEntry) + names_.capacity() + dirLists_.size() * 40 + sizeof *this;
}

uint32_t DirIndex::keepLayers(std::span<const uint16_t> layers) {
  if (layers.size() <= 1) return 0;
  dirLists_.emplace_back(layers.begin(), layers.end());
  return static_cast<uint32_t>(dirLists_.size());
}

void DirIndex::put(std::string_view name, IndexEntry facts, std::span<const uint16_t> layers) {
  IndexEntry* known = findMutable(name);
  if (known != nullptr && known->visible()) --visible_;
  if (facts.visible()) ++visible_;
  if (!facts.visible() && facts.flags == 0) {
    if (known != nullptr) known->flags = IndexEntry::kErased;
    return;
  }
  facts.dirList = keepLayers(layers);
  if (known == nullptr) return insert(name, facts);
  facts.cookie = known->cookie;
  facts.nameOffset = known->nameOffset;
  facts.nameLength = known->nameLength;
  *known = facts;
}

void DirIndex::insert(std::string_view name, IndexEntry entry) {
  entry.cookie = cookieOf(name);
  for (const IndexEntry* next = after(entry.cookie - 1); next != nullptr && next->cookie == entry.cookie; next = after(entry.cookie - 1))
    ++entry.cookie;
  entry.nameOffset = static_cast<uint32_t>(names_.size());
  entry.nameLength = static_cast<uint16_t>(name.size());
  names_.append(name);
  added_.insert(std::lower_bound(added_.begin(), added_.end(), entry.cookie, byCookie), entry);
  if (added_.size() > addedLimit(entries_.size())) mergeAdded();
}

void DirIndex::mergeAdded() {
  std::vector<IndexEntry> merged;
  merged.reserve(entries_.size() + added_.size());
  std::merge(entries_.begin(), entries_.end(), added_.begin(), added_.end(), std::back_inserter(merged),
             [](const IndexEntry& a, const IndexEntry& b) { return a.cookie < b.cookie; });
  std::erase_if(merged, [](const IndexEntry& entry) { return entry.has(IndexEntry::kErased); });
  std::string names;
  names.reserve(names_.size());
  for (auto& entry : merged) {
    const auto offset = static_cast<uint32_t>(names.size());
    names.append(nameOf(entry));
    entry.nameOffset = offset;
  }
  entries_ = std::move(merged);
  names_ = std::move(names);
  added_.clear();
}

// --- building

void DirIndexBuilder::beginLayer(uint16_t layer, bool isUpper) {
  endLayer();
  layer_ = layer;
  isUpper_ = isUpper;
}

void DirIndexBuilder::see(Merged& merged, uint16_t layer, bool isUpper, uint8_t type, uint64_t ino) {
  IndexEntry& entry = merged.entry;
  const bool isDir = type == DT_DIR;
  if (isUpper) {
    entry.set(IndexEntry::kInUpper, true);
  } else if (!merged.lowersDecided) {
    entry.set(IndexEntry::kInLower, true);
    merged.lowersDecided = !isDir;
  }
  if (merged.decided) return;
  if (!entry.visible()) {
    entry.top = layer;
    entry.type = type;
    entry.ino = ino;
    merged.decided = !isDir;
    if (isDir) merged.layers.push_back(layer);
    return;
  }
  if (!isDir) {
    merged.decided = true;
    return;
  }
  if (entry.has(IndexEntry::kInUpper) && entry.lowerIno == 0) {
    entry.lowerIno = ino;
    entry.lowerTop = layer;
  }
  merged.layers.push_back(layer);
}

void DirIndexBuilder::add(std::string_view name, uint8_t type, uint64_t ino) {
  if (!single_) return see(merged_[std::string(name)], layer_, isUpper_, type, ino);
  IndexEntry entry;
  entry.top = layer_;
  entry.type = type;
  entry.ino = ino;
  entry.flags = isUpper_ ? IndexEntry::kInUpper : IndexEntry::kInLower;
  plain_.emplace_back(name, entry);
}

void DirIndexBuilder::hide(std::string_view name, IndexEntry::Flag flag) {
  if (single_) {
    marks_.emplace_back(name, flag);
    return;
  }
  Merged& merged = merged_[std::string(name)];
  merged.decided = true;
  if (isUpper_) {
    merged.entry.set(flag, true);
  } else {
    merged.lowersDecided = true;
  }
}

void DirIndexBuilder::addWhiteoutDevice(std::string_view name) {
  if (!single_ || isUpper_) hide(name, IndexEntry::kUpperWhiteoutDevice);
}

void DirIndexBuilder::addWhiteoutFile(std::string_view victim) {
  // Takes effect below this layer only, whatever the order of the entries.
  if (!single_ || isUpper_) pendingWhiteoutFiles_.emplace_back(victim);
}

void DirIndexBuilder::endLayer() {
  for (const auto& victim : pendingWhiteoutFiles_) hide(victim, IndexEntry::kUpperWhiteoutFile);
  pendingWhiteoutFiles_.clear();
}

DirIndex DirIndexBuilder::finish() {
  endLayer();
  DirIndex index;
  index.entries_.reserve(merged_.size() + plain_.size());
  const auto append = [&index](std::string_view name, IndexEntry entry, std::span<const uint16_t> layers) {
    entry.cookie = cookieOf(name);
    entry.nameOffset = static_cast<uint32_t>(index.names_.size());
    entry.nameLength = static_cast<uint16_t>(name.size());
    entry.dirList = index.keepLayers(layers);
    index.names_.append(name);
    index.entries_.push_back(entry);
    if (entry.visible()) ++index.visible_;
  };
  for (const auto& [name, entry] : plain_) append(name, entry, {});
  for (const auto& [name, merged] : merged_) {
    if (merged.entry.visible() || merged.entry.flags != 0) append(name, merged.entry, merged.layers);
  }
  std::sort(index.entries_.begin(), index.entries_.end(), [](const IndexEntry& a, const IndexEntry& b) { return a.cookie < b.cookie; });
  for (size_t i = 1; i < index.entries_.size(); ++i) {
    if (index.entries_[i].cookie <= index.entries_[i - 1].cookie) index.entries_[i].cookie = index.entries_[i - 1].cookie + 1;
  }
  for (const auto& [name, flag] : marks_) {
    const IndexEntry* known = index.find(name);
    IndexEntry facts = known == nullptr ? IndexEntry{} : *known;
    facts.set(flag, true);
    index.put(name, facts);
  }
  return index;
}

}  // namespace unionfs

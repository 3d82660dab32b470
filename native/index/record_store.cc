// record_store.cc - see record_store.h.
#include "index/record_store.h"

#include <algorithm>
#include <utility>

namespace unionfs {

namespace {

// What a hash map and the heap add to a record.
constexpr size_t kOverhead = 80;

}  // namespace

RecordStore::RecordStore(size_t layers, RecordLimits limits) : limits_(limits), claimed_(layers) {
  for (size_t i = 0; i < layers; ++i) layers_.push_back(std::make_unique<Layer>());
}

void RecordStore::setTrust(uint16_t layer, LayerTrust trust) {
  if (layer < layers_.size()) layers_[layer]->trust.store(trust, std::memory_order_release);
}

void RecordStore::setComplete(uint16_t layer) {
  if (layer < layers_.size()) layers_[layer]->complete.store(true, std::memory_order_release);
}

bool RecordStore::complete(uint16_t layer) const {
  return layer < layers_.size() && layers_[layer]->complete.load(std::memory_order_acquire);
}

bool RecordStore::has(uint16_t layer) const { return layer < layers_.size() && layers_[layer]->any.load(std::memory_order_acquire); }

Errno RecordStore::missingXattr(uint16_t layer, std::string_view kind, const std::function<int()>& findOut) {
  constexpr std::array<std::string_view, 4> kKinds = {"user", "trusted", "security", "system"};
  const auto known = std::find(kKinds.begin(), kKinds.end(), kind);
  if (layer >= layers_.size() || known == kKinds.end()) return Errno(findOut());
  auto& error = layers_[layer]->missingXattr[static_cast<size_t>(known - kKinds.begin())];
  if (error.load(std::memory_order_relaxed) == 0) error.store(findOut(), std::memory_order_relaxed);
  return Errno(error.load(std::memory_order_relaxed));
}

LayerTrust RecordStore::trust(uint16_t layer) const {
  return layer < layers_.size() ? layers_[layer]->trust.load(std::memory_order_acquire) : LayerTrust::unknown;
}

bool RecordStore::add(uint16_t layer, std::string bytes) {
  bytes.shrink_to_fit();
  auto record = layer < layers_.size() ? DirRecord::open(std::move(bytes)) : std::nullopt;
  const size_t size = record ? record->memory() + kOverhead : 0;
  // Told apart by full and plain: a sealed layer has full ones, and what is checked needs no more than plain.
  const bool fits = record && (record->head().full || trust(layer) != LayerTrust::sealed) &&
                    bytes_.load(std::memory_order_relaxed) + size <= limits_.recordBytes;
  if (!fits) {
    rejected_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  Layer& into = *layers_[layer];
  const uint64_t ino = record->head().ino;
  auto kept = std::make_unique<const DirRecord>(std::move(*record));
  const std::unique_lock lock(into.mu);
  if (!into.records.emplace(ino, std::move(kept)).second) return false;
  into.any.store(true, std::memory_order_release);
  count_.fetch_add(1, std::memory_order_relaxed);
  bytes_.fetch_add(size, std::memory_order_relaxed);
  return true;
}

const DirRecord* RecordStore::find(uint16_t layer, uint64_t ino) const {
  if (trust(layer) == LayerTrust::unknown) return nullptr;
  const Layer& in = *layers_[layer];
  const std::shared_lock lock(in.mu);
  const auto found = in.records.find(ino);
  return found == in.records.end() ? nullptr : found->second.get();
}

bool RecordStore::claim(uint16_t layer, uint64_t ino) {
  if (!learning_.load(std::memory_order_relaxed) || layer >= layers_.size() || trust(layer) == LayerTrust::sealed) return false;
  const std::lock_guard lock(learnedMu_);
  return claimed_[layer].insert(ino).second;
}

void RecordStore::learn(LearnedRecord record) {
  const size_t size = record.bytes.size() + record.path.size() + kOverhead;
  const std::lock_guard lock(learnedMu_);
  learned_.fetch_add(1, std::memory_order_relaxed);
  if (waitingBytes_ + size > limits_.learnedBytes) {
    forgotten_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  waitingBytes_ += size;
  waiting_.push_back(std::move(record));
}

std::vector<LearnedRecord> RecordStore::takeLearned() {
  const std::lock_guard lock(learnedMu_);
  waitingBytes_ = 0;
  return std::exchange(waiting_, {});
}

RecordStats RecordStore::stats() const {
  return {.records = count_.load(),
          .bytes = bytes_.load(),
          .limit = limits_.recordBytes,
          .rejected = rejected_.load(),
          .used = used_.load(),
          .stale = stale_.load(),
          .learned = learned_.load(),
          .forgotten = forgotten_.load()};
}

}  // namespace unionfs

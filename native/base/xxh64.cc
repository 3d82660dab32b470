// xxh64.cc - see xxh64.h. Little-endian reads, as the specification asks for.
#include "base/xxh64.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace unionfs {

namespace {

static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87ULL;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4FULL;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9ULL;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63ULL;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5ULL;

template <typename Word>
Word readWord(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

uint64_t round(uint64_t lane, uint64_t word) { return std::rotl(lane + word * kPrime2, 31) * kPrime1; }
uint64_t mergeLane(uint64_t hash, uint64_t lane) { return (hash ^ round(0, lane)) * kPrime1 + kPrime4; }

uint64_t finish(uint64_t hash, std::string_view tail) {
  while (tail.size() >= 8) {
    hash = std::rotl(hash ^ round(0, readWord<uint64_t>(tail.data())), 27) * kPrime1 + kPrime4;
    tail.remove_prefix(8);
  }
  if (tail.size() >= 4) {
    hash = std::rotl(hash ^ (readWord<uint32_t>(tail.data()) * kPrime1), 23) * kPrime2 + kPrime3;
    tail.remove_prefix(4);
  }
  for (const char byte : tail) hash = std::rotl(hash ^ (static_cast<uint8_t>(byte) * kPrime5), 11) * kPrime1;
  hash = (hash ^ (hash >> 33U)) * kPrime2;
  hash = (hash ^ (hash >> 29U)) * kPrime3;
  return hash ^ (hash >> 32U);
}

}  // namespace

Xxh64::Xxh64(uint64_t seed) : lanes_{seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1}, seed_(seed) {}

void Xxh64::stripe(const char* bytes) {
  for (size_t i = 0; i < lanes_.size(); ++i) lanes_[i] = round(lanes_[i], readWord<uint64_t>(bytes + i * 8));
}

void Xxh64::update(std::string_view bytes) {
  if (bytes.empty()) return;
  total_ += bytes.size();
  if (restSize_ > 0) {
    const size_t take = std::min(kStripe - restSize_, bytes.size());
    std::memcpy(rest_.data() + restSize_, bytes.data(), take);
    restSize_ += take;
    bytes.remove_prefix(take);
    if (restSize_ < kStripe) return;
    stripe(rest_.data());
    restSize_ = 0;
  }
  for (; bytes.size() >= kStripe; bytes.remove_prefix(kStripe)) stripe(bytes.data());
  std::copy(bytes.begin(), bytes.end(), rest_.begin());
  restSize_ = bytes.size();
}

uint64_t Xxh64::digest() const {
  uint64_t hash = seed_ + kPrime5;
  if (total_ >= kStripe) {
    hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) + std::rotl(lanes_[3], 18);
    for (const uint64_t lane : lanes_) hash = mergeLane(hash, lane);
  }
  return finish(hash + total_, {rest_.data(), restSize_});
}

uint64_t xxh64(std::string_view bytes, uint64_t seed) {
  Xxh64 hash(seed);
  hash.update(bytes);
  return hash.digest();
}

}  // namespace unionfs

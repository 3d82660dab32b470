// xxh64.h - the 64-bit xxHash, which npm's xxhash-wasm computes too: the checksum of records and contents.
//
// Not for adversaries: it finds damage, not forgery. Published by its author as a specification ("XXH64").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace unionfs {

class Xxh64 {
 public:
  explicit Xxh64(uint64_t seed = 0);
  void update(std::string_view bytes);
  // May be asked at any time; more bytes may follow.
  [[nodiscard]] uint64_t digest() const;

 private:
  static constexpr size_t kStripe = 32;
  void stripe(const char* bytes);

  std::array<uint64_t, 4> lanes_;
  uint64_t seed_;
  uint64_t total_ = 0;
  std::array<char, kStripe> rest_{};
  size_t restSize_ = 0;
};

uint64_t xxh64(std::string_view bytes, uint64_t seed = 0);

}  // namespace unionfs

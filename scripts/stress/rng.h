// rng.h - a small random generator whose run is decided by its seed alone.
#pragma once

#include <cstdint>

inline uint64_t mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(mix(seed)) {}

  uint64_t next() { return mix(state_++); }
  // A number in [0, bound); bound must not be 0.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(next() % bound); }
  bool oneIn(uint32_t count) { return below(count) == 0; }

 private:
  uint64_t state_;
};

#include "base/xxh64.h"

#include <string>

#include "testing/test.h"

namespace unionfs {
namespace {

struct Vector {
  size_t length;
  uint64_t plain, seeded;
};

// Of the bytes 3, 10, 17 ... (each 7 more), as xxhash-wasm computes them; test/unit/xxhash.test.ts has the same.
constexpr uint64_t kSeed = 0x9e3779b97f4a7c15ULL;
constexpr Vector kVectors[] = {
    {0, 0xef46db3751d8e999, 0xc4349fc93c010000},  {1, 0x1f25c8d0bc1f4bb6, 0x79826bcd749d267a},
    {3, 0x31d2363f52e564c9, 0x78efd77575e26575},  {4, 0x9bb64b7d66ee9fda, 0x6f0a6c97d68bf353},
    {7, 0x9a7b149959ce60d8, 0xd97ede93c9d66a0d},  {8, 0xdab99d95c6f90092, 0xa2f1e28437a78a1b},
    {31, 0xa2aa5f33cc4a6119, 0x755437271d1d0a84}, {32, 0x23c3c17ef790fd97, 0xbf624b932c090428},
    {33, 0x50a7cfc7ba588784, 0x7aceaf1e9d34ea35}, {63, 0x5e3e54b431c7493c, 0x2c8ddce5c85d0d9d},
    {64, 0x0eb64b3ef6eeb01f, 0x4af341f14e3a6fc9}, {100, 0xa61f8d4c170fe531, 0xf6d8f65c625abb4f},
};

std::string sample(size_t length) {
  std::string bytes(length, '\0');
  for (size_t i = 0; i < length; ++i) bytes[i] = static_cast<char>((i * 7 + 3) & 0xffU);
  return bytes;
}

TEST("xxh64 agrees with the npm package at every boundary of its blocks") {
  for (const Vector& vector : kVectors) {
    EXPECT_EQ(xxh64(sample(vector.length)), vector.plain);
    EXPECT_EQ(xxh64(sample(vector.length), kSeed), vector.seeded);
  }
}

TEST("xxh64 does not depend on how the bytes are cut into pieces") {
  const std::string bytes = sample(1000);
  for (size_t piece = 1; piece < 70; ++piece) {
    Xxh64 hash;
    for (size_t at = 0; at < bytes.size(); at += piece) hash.update(std::string_view(bytes).substr(at, piece));
    EXPECT_EQ(hash.digest(), xxh64(bytes));
  }
}

}  // namespace
}  // namespace unionfs

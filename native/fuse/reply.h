// reply.h - builds the one answer to one request.
//
// A handler puts a struct, bytes or a list into the reply; the dispatcher adds the header and sends it. Small answers
// live in the reply itself, large ones in the serving thread's buffer. A failed handler's content is dropped.
#pragma once

#include <array>
#include <cstring>
#include <span>
#include <string_view>

#include "fuse/abi.h"
#include "overlay/types.h"

namespace unionfs {

// Layers do not change behind a mount, so the kernel may keep what it learned for ever (68 years).
inline constexpr uint64_t kForeverSeconds = (1ULL << 31) - 1;

// How long it may keep them, where somebody wants it to ask again.
struct Validity {
  uint64_t seconds = kForeverSeconds;
  uint32_t nanoseconds = 0;
};

abi::Attr encodeAttr(const Attr& attr);
abi::EntryOut encodeEntry(const Entry& entry, Validity validity = {});
// Node id 0 with a validity: "there is no such name", to be remembered. An ENOENT reply is not remembered.
abi::EntryOut encodeAbsence(Validity validity = {});
abi::AttrOut encodeAttrOut(const Attr& attr, Validity validity = {});
abi::StatxOut encodeStatx(const Attr& attr, Validity validity = {});
abi::Kstatfs encodeStatfs(const StatFs& stat);

// Device numbers travel as the kernel's 32-bit form: 12 bits of major, 20 of minor.
uint32_t encodeDevice(dev_t device);
dev_t decodeDevice(uint32_t device);

class Reply {
 public:
  // `large` is the buffer for answers of variable size; it outlives the reply.
  explicit Reply(std::span<std::byte> large) : large_(large) {}
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;

  // The answer is this struct; a second call appends. Precondition: they fit kSmall together.
  template <typename T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= kSmall);
    std::memcpy(small_.data() + smallUsed_, &value, sizeof value);
    smallUsed_ += sizeof value;
  }
  // The answer, behind what was put, is these bytes; they live until the reply is sent.
  void putBytes(std::span<const std::byte> bytes) { bytes_ = bytes; }

  [[nodiscard]] std::span<std::byte> large() const { return large_; }

  // Somebody else answers this request later.
  void defer() { deferred_ = true; }
  [[nodiscard]] bool deferred() const { return deferred_; }

  [[nodiscard]] std::span<const std::byte> small() const { return std::span(small_).first(smallUsed_); }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  static constexpr size_t kSmall = 320;
  alignas(8) std::array<std::byte, kSmall> small_;
  size_t smallUsed_ = 0;
  std::span<const std::byte> bytes_;
  std::span<std::byte> large_;
  bool deferred_ = false;
};

// Packs directory entries into a buffer of exactly the size the kernel asked for. An entry that does not fit is
// refused untouched, so that it costs no lookup count and comes first in the next answer.
class DirPacker {
 public:
  explicit DirPacker(std::span<std::byte> into, Validity validity = {}) : into_(into), validity_(validity) {}

  bool add(const DirEntry& entry);
  // `resolved` is null for "." and "..": the kernel then makes no inode of the entry.
  bool addPlus(const DirEntry& entry, const Entry* resolved);

  [[nodiscard]] std::span<const std::byte> bytes() const { return into_.first(used_); }

 private:
  void putDirent(const DirEntry& entry, size_t padded);

  std::span<std::byte> into_;
  Validity validity_;
  size_t used_ = 0;
};

}  // namespace unionfs

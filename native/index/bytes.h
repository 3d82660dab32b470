// bytes.h - variable-length numbers of the record formats, written and read with bounds checked.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace unionfs {

// Seven bits a byte, lowest first; the top bit says that more follow.
class ByteWriter {
 public:
  void byte(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void number(uint64_t value) {
    for (; value >= 0x80; value >>= 7U) byte(static_cast<uint8_t>(value | 0x80U));
    byte(static_cast<uint8_t>(value));
  }
  // 0, -1, 1, -2 ... as 0, 1, 2, 3 ...
  void signedNumber(int64_t value) { number((static_cast<uint64_t>(value) << 1U) ^ static_cast<uint64_t>(value >> 63U)); }
  void fixed32(uint32_t value) { append(&value, sizeof value); }
  void fixed64(uint64_t value) { append(&value, sizeof value); }
  void text(std::string_view value) { bytes_.append(value); }
  [[nodiscard]] size_t size() const { return bytes_.size(); }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  void append(const void* value, size_t size) { bytes_.append(static_cast<const char*>(value), size); }
  std::string bytes_;
};

// After the first read beyond the end, or of a number that does not fit, ok() is false and every read gives 0.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool atEnd() const { return rest_.empty(); }
  [[nodiscard]] size_t left() const { return rest_.size(); }

  uint8_t byte() { return static_cast<uint8_t>(text(1).empty() ? 0 : last_); }
  uint64_t number() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const uint8_t part = byte();
      if (!ok_ || (shift == 63 && part > 1)) return fail();
      value |= static_cast<uint64_t>(part & 0x7fU) << shift;
      if ((part & 0x80U) == 0) return value;
    }
    return fail();
  }
  int64_t signedNumber() {
    const uint64_t value = number();
    return static_cast<int64_t>((value >> 1U) ^ (~(value & 1U) + 1));
  }
  // Fails above `limit`.
  uint64_t numberUpTo(uint64_t limit) {
    const uint64_t value = number();
    return value <= limit ? value : fail();
  }
  uint32_t fixed32() { return fixed<uint32_t>(); }
  uint64_t fixed64() { return fixed<uint64_t>(); }
  std::string_view text(size_t size) {
    if (!ok_ || size > rest_.size()) {
      fail();
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    if (size > 0) last_ = static_cast<uint8_t>(taken.back());
    rest_.remove_prefix(size);
    return taken;
  }

 private:
  uint64_t fail() {
    ok_ = false;
    rest_ = {};
    return 0;
  }
  template <typename T>
  T fixed() {
    T value = 0;
    if (const auto bytes = text(sizeof value); ok_) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

  std::string_view rest_;
  uint8_t last_ = 0;
  bool ok_ = true;
};

}  // namespace unionfs

// request.h - one message of the kernel, read with every bound checked.
//
// A message is a header, fixed arguments, names or data, and extensions (which are skipped). Nothing points outside
// the bytes that were received, whatever the message claims. Decoders return EINVAL for a message that is too short.
#pragma once

#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/result.h"
#include "fuse/abi.h"
#include "overlay/types.h"

namespace unionfs {

// The longest name of one component and of an extended attribute, and the longest symlink target.
inline constexpr size_t kNameMax = 255;
inline constexpr size_t kTargetMax = 4095;

// The bytes behind the header; reading moves on.
class Arguments {
 public:
  Arguments() = default;
  explicit Arguments(std::span<const std::byte> bytes) : rest_(bytes) {}

  // A fixed struct. `wireSize` may be smaller than the struct for an old form of it; the missing fields are zero.
  template <typename T>
  Result<T> take(size_t wireSize = sizeof(T)) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (rest_.size() < wireSize || wireSize > sizeof(T)) return Errno(EINVAL);
    T value{};
    std::memcpy(&value, rest_.data(), wireSize);
    rest_ = rest_.subspan(wireSize);
    return value;
  }

  // One path component: ended by NUL, not empty, without '/', neither "." nor ".." (the kernel resolves those itself).
  // ENAMETOOLONG beyond kNameMax.
  Result<Name> takeName();
  // Text ended by NUL, not empty, at most `limit` bytes. ENAMETOOLONG beyond it.
  Result<std::string_view> takeText(size_t limit);
  Result<std::span<const std::byte>> takeBytes(size_t count);

  [[nodiscard]] size_t size() const { return rest_.size(); }

 private:
  std::span<const std::byte> rest_;
};

// The header alone, unchecked; zeros when there is none.
abi::InHeader peekHeader(std::span<const std::byte> message);

class Request {
 public:
  // EINVAL unless the header is whole and its length is exactly what was received.
  static Result<Request> parse(std::span<const std::byte> message);

  [[nodiscard]] const abi::InHeader& header() const { return header_; }
  [[nodiscard]] uint32_t opcode() const { return header_.opcode; }
  [[nodiscard]] uint64_t unique() const { return header_.unique; }
  [[nodiscard]] NodeId node() const { return header_.nodeid; }
  [[nodiscard]] Arguments arguments() const { return Arguments(body_); }
  [[nodiscard]] Caller caller(uint32_t umask = 0) const;

  // Set by the worker that serves the request; handed to the engine inside Caller.
  void watchInterrupt(const std::atomic<bool>* flag) { interrupted_ = flag; }

 private:
  Request(const abi::InHeader& header, std::span<const std::byte> body) : header_(header), body_(body) {}

  abi::InHeader header_;
  std::span<const std::byte> body_;
  const std::atomic<bool>* interrupted_ = nullptr;
};

}  // namespace unionfs

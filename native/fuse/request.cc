// request.cc - the checks that make a received message safe to read.
#include "fuse/request.h"

namespace unionfs {

Result<std::string_view> Arguments::takeText(size_t limit) {
  const auto* begin = reinterpret_cast<const char*>(rest_.data());
  const void* end = rest_.empty() ? nullptr : std::memchr(begin, '\0', rest_.size());
  if (end == nullptr) return Errno(EINVAL);
  const auto length = static_cast<size_t>(static_cast<const char*>(end) - begin);
  if (length == 0) return Errno(EINVAL);
  if (length > limit) return Errno(ENAMETOOLONG);
  rest_ = rest_.subspan(length + 1);
  return std::string_view(begin, length);
}

Result<Name> Arguments::takeName() {
  TRY_ASSIGN(const std::string_view name, takeText(kNameMax));
  if (name.find('/') != std::string_view::npos || name == "." || name == "..") return Errno(EINVAL);
  return name;
}

Result<std::span<const std::byte>> Arguments::takeBytes(size_t count) {
  if (rest_.size() < count) return Errno(EINVAL);
  const auto bytes = rest_.first(count);
  rest_ = rest_.subspan(count);
  return bytes;
}

abi::InHeader peekHeader(std::span<const std::byte> message) {
  abi::InHeader header{};
  if (message.size() >= sizeof header) std::memcpy(&header, message.data(), sizeof header);
  return header;
}

Result<Request> Request::parse(std::span<const std::byte> message) {
  abi::InHeader header;
  if (message.size() < sizeof header) return Errno(EINVAL);
  std::memcpy(&header, message.data(), sizeof header);
  if (header.len != message.size()) return Errno(EINVAL);
  const auto body = message.subspan(sizeof header);
  const size_t extensions = size_t{header.total_extlen} * abi::kRecordAlign;
  if (extensions > body.size()) return Errno(EINVAL);
  return Request(header, body.first(body.size() - extensions));
}

Caller Request::caller(uint32_t umask) const {
  return Caller{.uid = header_.uid,
                .gid = header_.gid,
                .pid = static_cast<pid_t>(header_.pid),
                .umask = static_cast<mode_t>(umask & 07777),
                .interrupted = interrupted_};
}

}  // namespace unionfs

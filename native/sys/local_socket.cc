#include "sys/local_socket.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <chrono>
#include <cstring>

namespace unionfs::sys {
namespace {

constexpr int kWaiting = 16;

}  // namespace

Result<Fd> listenAt(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return Errno(ENAMETOOLONG);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener) return Errno::last();
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return Errno::last();
  if (::listen(listener.get(), kWaiting) != 0) return Errno::last();
  return listener;
}

Result<Fd> acceptFrom(const Fd& listener, int seconds) {
  Fd socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) return Errno::last();
  const timeval patience{.tv_sec = seconds, .tv_usec = 0};
  for (const int which : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    if (::setsockopt(socket.get(), SOL_SOCKET, which, &patience, sizeof(patience)) != 0) return Errno::last();
  }
  return socket;
}

Result<std::string> receiveLine(const Fd& socket, size_t limit, int seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  std::string line;
  std::array<char, 1024> block{};
  for (;;) {
    const ssize_t count = ::recv(socket.get(), block.data(), block.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Errno::last();
    if (count == 0) return Errno(EPIPE);
    line.append(block.data(), static_cast<size_t>(count));
    if (const size_t end = line.find('\n'); end != std::string::npos) return line.substr(0, end);
    if (line.size() > limit) return Errno(EMSGSIZE);
    if (std::chrono::steady_clock::now() >= deadline) return Errno(EAGAIN);
  }
}

Status sendText(const Fd& socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Errno::last();
    text.remove_prefix(static_cast<size_t>(count));
  }
  return success();
}

}  // namespace unionfs::sys

// starter_pipe.cc - see starter_pipe.h.
#include "launch/starter_pipe.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

namespace unionfs::launch {

Outcome parseOutcome(const std::string& message) {
  Outcome outcome;
  const size_t newline = message.find('\n');
  if (newline == std::string::npos) return outcome;
  const auto [end, error] = std::from_chars(message.data(), message.data() + newline, outcome.exitCode);
  if (error != std::errc() || end != message.data() + newline || outcome.exitCode < 0 || outcome.exitCode > 255) return Outcome{};
  outcome.reported = true;
  outcome.text = message.substr(newline + 1);
  return outcome;
}

std::string readToEnd(int fd) {
  std::string message;
  std::array<char, 4096> block{};
  for (;;) {
    const ssize_t count = ::read(fd, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return message;
    message.append(block.data(), static_cast<size_t>(count));
  }
}

}  // namespace unionfs::launch

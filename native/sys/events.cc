#include "sys/events.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <utility>

namespace unionfs::sys {
namespace {

sigset_t setOf(const std::vector<int>& numbers) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : numbers) ::sigaddset(&set, number);
  return set;
}

}  // namespace

Result<std::unique_ptr<HeldSignals>> HeldSignals::hold(std::initializer_list<int> numbers) {
  std::vector<int> held(numbers);
  const sigset_t set = setOf(held);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) return Errno(error);
  std::unique_ptr<HeldSignals> signals(new HeldSignals(Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)), std::move(held)));
  if (!signals->fd_) return Errno::last();
  return signals;
}

HeldSignals::~HeldSignals() {
  const sigset_t set = setOf(numbers_);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

std::optional<int> HeldSignals::take() {
  signalfd_siginfo taken{};
  if (::read(fd_.get(), &taken, sizeof(taken)) != static_cast<ssize_t>(sizeof(taken))) return std::nullopt;
  return static_cast<int>(taken.ssi_signo);
}

Result<Event> Event::make() {
  Fd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return Errno::last();
  return Event(std::move(fd));
}

void Event::tell() const {
  const uint64_t one = 1;
  // It fails only when the counter is full: then it has been told.
  if (::write(fd_.get(), &one, sizeof(one)) < 0) return;
}

Result<std::optional<size_t>> waitForAny(const std::vector<int>& fds, int milliseconds) {
  std::vector<pollfd> waiting;
  for (const int fd : fds) waiting.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  if (::poll(waiting.data(), waiting.size(), milliseconds) < 0 && errno != EINTR) return Errno::last();
  for (size_t i = 0; i < waiting.size(); ++i) {
    if (waiting[i].revents != 0) return std::optional<size_t>(i);
  }
  return std::optional<size_t>();
}

}  // namespace unionfs::sys

#include "daemon/daemon.h"

#include <linux/capability.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <vector>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/index_use.h"
#include "daemon/plain_request.h"
#include "daemon/plain_stack.h"
#include "daemon/registry.h"
#include "daemon/served_mount.h"
#include "sys/creds.h"
#include "sys/events.h"
#include "sys/local_socket.h"
#include "sys/self.h"

namespace unionfs::daemon {
namespace {

using Clock = std::chrono::steady_clock;

// How long a lazily unmounted tree is still served to those who have files open in it, after a signal asked us to go.
constexpr std::chrono::seconds kGrace{10};

// Set, to whatever: callers know it by this name (src/cli/commands/mount-program.ts).
bool wantsWhiteoutFiles() { return std::getenv("FUSE_OVERLAYFS_DISABLE_OVL_WHITEOUT") != nullptr; }

std::optional<PlainRequest> plainRequest(bool standIn, std::span<char* const> words) {
  if (wantsWhiteoutFiles() || indexHasToDoWithIt() || sys::openFilesLimit() < kAmpleDescriptors) return std::nullopt;
  auto request = readPlainRequest(standIn, words);
  const bool mayHaveRights = sys::hasCapability(CAP_SYS_ADMIN) && sys::inInitialUserNamespace();
  if (!request || (request->asksForRights && !mayHaveRights)) return std::nullopt;
  return request;
}

// In the list of live mounts. A mount that is not in it works but for `status`.
struct Listing {
  std::optional<RegistryEntry> entry;
  Fd listener;
};

Status enlist(const ServedMount& mount, Listing& listing) {
  TRY_ASSIGN(RegistryEntry entry, RegistryEntry::reserve());
  listing.entry.emplace(std::move(entry));
  TRY_ASSIGN(listing.listener, sys::listenAt(listing.entry->socketPath()));
  return listing.entry->publish(mount.recordJson(listing.entry->socketPath()));
}

// Plainly, or lazily when the tree is in use.
void leave(Session& session) {
  const Status plainly = session.unmount(false);
  if (plainly) return;
  const Status lazily = session.unmount(true);
  if (!lazily) log::write(log::Level::error, "cannot unmount", {{"errno", lazily.error().value()}});
}

// Until the mount has ended, or a signal has been heard twice or long ago.
class Life {
 public:
  Life(ServedMount& mount, const Listing& listing, sys::HeldSignals& signals, const sys::Event& ended)
      : mount_(mount), listing_(listing), signals_(signals), ended_(ended) {}

  void serve() {
    std::vector<int> sources{ended_.fd(), signals_.fd()};
    if (listing_.listener) sources.push_back(listing_.listener.get());
    while (!isOver()) {
      const auto ready = sys::waitForAny(sources, millisecondsLeft());
      if (!ready || !*ready) continue;
      if (**ready == 0) return;
      if (**ready == 1) hear();
      if (**ready == 2) answerNext(listing_.listener, mount_);
    }
  }

 private:
  void hear() {
    const auto signal = signals_.take();
    if (!signal || *signal == SIGUSR1) return;  // other overlays print figures at it, for which `status` is there
    isOver_ = deadline_.has_value();
    if (deadline_) return;
    leave(mount_.session());
    deadline_ = Clock::now() + kGrace;
  }

  [[nodiscard]] bool isOver() const { return isOver_ || (deadline_ && Clock::now() >= *deadline_); }
  [[nodiscard]] int millisecondsLeft() const {
    if (!deadline_) return -1;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*deadline_ - Clock::now());
    return std::max(0, static_cast<int>(left.count()) + 1);
  }

  ServedMount& mount_;
  const Listing& listing_;
  sys::HeldSignals& signals_;
  const sys::Event& ended_;
  std::optional<Clock::time_point> deadline_;  // set by the first signal
  bool isOver_ = false;
};

}  // namespace

std::optional<int> tryToServe(bool standIn, std::span<char* const> words, const std::string& version, const Usable& usable) {
  const auto request = plainRequest(standIn, words);
  auto stack = request ? resolvePlainStack(*request, registriesToRead()) : std::nullopt;
  if (!stack) return std::nullopt;
  // From here on, so that none ends the process between mount(2) and the first wait for them: the mount would be dead.
  auto signals = sys::HeldSignals::hold({SIGTERM, SIGINT, SIGHUP, SIGUSR1});
  const auto ended = sys::Event::make();
  if (!signals || !ended) return std::nullopt;
  Listing listing;  // outlives the mount: who sees it gone may mount again
  const auto mount = ServedMount::start(*request, std::move(*stack), version, [&ended](const std::string&) { ended->tell(); });
  if (!mount) return std::nullopt;
  if (const Status enlisted = enlist(*mount, listing); !enlisted)
    log::write(log::Level::warn, "this mount is not listed: status and umount will not find its daemon",
               {{"errno", enlisted.error().value()}});
  usable(request->said);
  Life(*mount, listing, **signals, *ended).serve();
  return 0;
}

}  // namespace unionfs::daemon

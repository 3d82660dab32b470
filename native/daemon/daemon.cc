#include "daemon/daemon.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <optional>
#include <vector>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/errands.h"
#include "daemon/index_use.h"
#include "daemon/plain_request.h"
#include "daemon/plain_stack.h"
#include "daemon/registry.h"
#include "daemon/served_mount.h"
#include "sys/events.h"
#include "sys/local_socket.h"
#include "sys/self.h"
#include "sys/working_directory.h"

namespace unionfs::daemon {
namespace {

using Clock = std::chrono::steady_clock;

// How long a lazily unmounted tree is still served to those who have files open in it, after a signal asked us to go.
constexpr std::chrono::seconds kGrace{10};

// Set, to whatever: callers know it by this name (src/cli/commands/mount-program.ts).
bool wantsWhiteoutFiles() { return std::getenv("FUSE_OVERLAYFS_DISABLE_OVL_WHITEOUT") != nullptr; }

// With fewer descriptors to be had, their number has to be reckoned with (src/engine/descriptors.ts).
constexpr uint64_t kAmpleDescriptors = 10'000;

std::optional<PlainRequest> plainRequest(bool standIn, std::span<char* const> words) {
  if (wantsWhiteoutFiles() || indexHasToDoWithIt() || sys::openFilesLimit() < kAmpleDescriptors) return std::nullopt;
  return readPlainRequest(standIn, words);
}

// In the list of live mounts. A mount that is not in it works but for `status`.
struct Listing {
  std::optional<RegistryEntry> entry;
  Fd listener;
};

Status tryToEnlist(const ServedMount& mount, Listing& listing) {
  TRY_ASSIGN(RegistryEntry entry, RegistryEntry::reserve());
  listing.entry.emplace(std::move(entry));
  TRY_ASSIGN(listing.listener, sys::listenAt(listing.entry->socketPath()));
  return listing.entry->publish(mount.recordJson(listing.entry->socketPath()));
}

// Runs `step`. What it is made of may throw (std::bad_alloc); that must not take the mount down.
void shielded(const std::function<void()>& step) {
  try {
    step();
  } catch (const std::exception& error) {
    log::write(log::Level::error, "fault in the control plane", {{"what", error.what()}});
  }
}

void enlist(const ServedMount& mount, Listing& listing) {
  const Status enlisted = tryToEnlist(mount, listing);
  if (enlisted) return;
  log::write(log::Level::warn, "this mount is not listed: status and umount will not find its daemon",
             {{"errno", enlisted.error().value()}});
}

// Plainly, or lazily when the tree is in use.
void leave(Session& session) {
  const Status plainly = session.unmount(false);
  if (plainly) return;
  const Status lazily = session.unmount(true);
  if (!lazily) log::write(log::Level::error, "cannot unmount", {{"errno", lazily.error().value()}});
}

class Life {
 public:
  Life(ServedMount& mount, const Listing& listing, sys::HeldSignals& signals, const sys::Event& ended)
      : mount_(mount), listing_(listing), signals_(signals), ended_(ended) {}

  // Until the mount has ended, or a signal has been heard twice or long ago.
  void serve() {
    while (stage_ != Stage::over) shielded([this] { turn(); });
  }

 private:
  enum class Stage {
    serving,
    leaving,  // a signal has come; whoever has files open is served until deadline_
    over,
  };

  void turn() {
    std::vector<int> sources{ended_.fd(), signals_.fd()};
    if (listing_.listener) sources.push_back(listing_.listener.get());
    const auto ready = sys::waitForAny(sources, millisecondsLeft());
    if (stage_ == Stage::leaving && Clock::now() >= deadline_) stage_ = Stage::over;
    if (!ready || !*ready) return;
    if (**ready == 0) stage_ = Stage::over;
    if (**ready == 1) hear();
    if (**ready == 2) answerNext(listing_.listener, mount_, errands_);
  }

  void hear() {
    const auto signal = signals_.take();
    if (!signal || *signal == SIGUSR1) return;  // other overlays print figures at it, for which `status` is there
    if (stage_ == Stage::leaving) {
      stage_ = Stage::over;
      return;
    }
    stage_ = Stage::leaving;
    deadline_ = Clock::now() + kGrace;
    errands_.run([this] { leave(mount_.session()); });
  }

  [[nodiscard]] int millisecondsLeft() const {
    if (stage_ != Stage::leaving) return -1;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
    return std::max(0, static_cast<int>(left.count()) + 1);
  }

  ServedMount& mount_;
  const Listing& listing_;
  sys::HeldSignals& signals_;
  const sys::Event& ended_;
  Stage stage_ = Stage::serving;
  Clock::time_point deadline_;
  Errands errands_;
};

}  // namespace

Served tryToServe(bool standIn, std::span<char* const> words, const std::string& version, const Usable& usable) {
  const auto request = plainRequest(standIn, words);
  auto stack = request ? resolvePlainStack(*request, registriesToRead()) : std::nullopt;
  if (!stack) return Served::leftToNode;
  // All paths are absolute from here on. Before any thread is there: each keeps the directory it begins in.
  auto directory = sys::LeftDirectory::leave();
  // So that none ends the process between mount(2) and the first wait for them: the mount would be dead.
  auto signals = sys::HeldSignals::hold({SIGTERM, SIGINT, SIGHUP, SIGUSR1});
  const auto ended = sys::Event::make();
  if (!directory || !signals || !ended) return Served::leftToNode;
  Listing listing;  // outlives the mount: who sees it gone may mount again
  const auto mount = ServedMount::start(*request, std::move(*stack), version, [&ended](const std::string&) { ended->tell(); });
  if (!mount) return Served::leftToNode;
  directory->stayAway();
  shielded([&] { enlist(*mount, listing); });
  usable(request->said);
  Life(*mount, listing, **signals, *ended).serve();
  return Served::toItsEnd;
}

}  // namespace unionfs::daemon

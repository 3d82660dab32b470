// path_session.cc - see path_session.h.
#include "binding/path_session.h"

#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#include "base/log.h"
#include "sys/device.h"
#include "sys/mounting.h"
#include "sys/open.h"

namespace unionfs::binding {
namespace {

// Sessions for the end of the process: their threads must be gone before static objects are. Never destroyed itself.
class OpenSessions {
 public:
  static OpenSessions& instance() {
    static OpenSessions* open = new OpenSessions;
    return *open;
  }

  void add(std::weak_ptr<PathSession> session) {
    const std::lock_guard lock(mu_);
    std::erase_if(sessions_, [](const auto& each) { return each.expired(); });
    sessions_.push_back(std::move(session));
  }

  void closeAll() {
    std::vector<std::weak_ptr<PathSession>> all;
    {
      const std::lock_guard lock(mu_);
      all = std::exchange(sessions_, {});
    }
    for (const auto& weak : all) {
      if (const auto session = weak.lock()) session->close();
    }
  }

 private:
  OpenSessions() {
    std::atexit([] { instance().closeAll(); });
  }

  std::mutex mu_;
  std::vector<std::weak_ptr<PathSession>> sessions_;  // guarded by mu_
};

// An end without an unmount in this namespace (an abort, the last user of a lazily unmounted tree) is seen this late.
constexpr int kLongestBlindness = 1000;
// A mount leaves the table a moment before its connection ends.
constexpr int kUnmountTakes = 50;

// The table tells of an unmount without a wake-up for every request. Returns early when `stop` is set and a signal comes.
Status waitForEnd(const Fd& device, const std::atomic<bool>& stop) {
  TRY_ASSIGN(const Fd table, sys::openMountTable());
  while (!stop) {
    TRY_ASSIGN(const bool changed, sys::waitMountTableChange(table, kLongestBlindness));
    TRY_ASSIGN(const bool ended, sys::waitConnectionEnd(device, changed ? kUnmountTakes : 0));
    if (ended) break;
  }
  return success();
}

}  // namespace

std::optional<Failure> PathSession::open(const MountRequest& request) {
  OpenSessions::instance().add(weak_from_this());
  log::setLevel(static_cast<log::Level>(request.logLevel));

  StackError stackError;
  std::shared_ptr<LayerStack> stack = LayerStack::open(request.stack, stackError);
  if (!stack) return Failure{stackError.error, {}, stackError.path, stackError.what};

  auto overlay = Overlay::open(std::move(stack), request.overlay);
  if (!overlay) return Failure{overlay.error(), {}, request.mount.mountpoint, "the union cannot be set up"};
  const Status started = workers_.start(request.mount.maxThreads);
  if (!started) return Failure{started.error(), "start of the serving threads", request.mount.mountpoint, {}};

  const std::lock_guard lock(mu_);
  overlay_ = std::move(*overlay);
  tree_ = std::make_shared<PathTree>(*overlay_);
  mountpoint_ = request.mount.mountpoint;
  return std::nullopt;
}

bool PathSession::post(std::function<void(PathTree&)> work) {
  std::shared_ptr<PathTree> tree;
  {
    const std::lock_guard lock(mu_);
    tree = tree_;
  }
  return tree && workers_.post([tree = std::move(tree), work = std::move(work)] { work(*tree); });
}

Status PathSession::watch(int device, uint64_t connection, OnEnd onEnd) {
  TRY_ASSIGN(Fd copy, sys::duplicate(device));
  const std::lock_guard lock(mu_);
  if (!tree_ || watcher_.joinable()) return Errno(EINVAL);
  connection_ = connection;
  watching_ = true;
  auto body = [this, held = std::make_shared<const Fd>(std::move(copy)), onEnd = std::move(onEnd)] {
    const Status able = sys::becomeServingThread("unionfs watch");
    if (!able) log::write(log::Level::warn, "the watching thread has no umask of its own", {{"errno", able.error().value()}});
    const Status watched = waitForEnd(*held, stopping_);
    if (!watched) log::write(log::Level::error, "cannot watch the mount; it is given up", {{"errno", watched.error().value()}});
    watching_ = false;
    onEnd();
  };
  auto thread = sys::Thread::start(std::move(body));
  if (!thread) {
    watching_ = false;
    return thread.error();
  }
  watcher_ = std::move(*thread);
  return success();
}

// A dead mount would be left behind by a process that ends without an unmount.
void PathSession::unmountWatched() {
  const std::lock_guard lock(mu_);
  const auto top = sys::topMountAt(mountpoint_);
  if (!top || top->deviceMajor != 0 || top->deviceMinor != connection_) return;
  const Status gone = sys::unmount(mountpoint_, true);
  if (!gone) log::write(log::Level::warn, "mount left behind", {{"path", mountpoint_}, {"errno", gone.error().value()}});
}

void PathSession::stopWatching() {
  stopping_ = true;
  sys::Thread last;
  {
    const std::lock_guard lock(mu_);
    last = std::move(watcher_);
  }
  while (watching_) {
    last.wake();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  last.join();
}

void PathSession::close() {
  workers_.stop();
  if (watching_) unmountWatched();
  stopWatching();
  std::shared_ptr<Overlay> overlay;
  std::shared_ptr<PathTree> tree;
  const std::lock_guard lock(mu_);
  overlay = std::move(overlay_);
  tree = std::move(tree_);
  tree.reset();  // it gives its counts back to the overlay
  overlay.reset();
}

OverlayStats PathSession::stats() const {
  const std::lock_guard lock(mu_);
  return overlay_ ? overlay_->stats() : OverlayStats{};
}

bool PathSession::isOpen() const {
  const std::lock_guard lock(mu_);
  return tree_ != nullptr;
}

}  // namespace unionfs::binding

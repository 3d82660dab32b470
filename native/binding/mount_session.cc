// mount_session.cc - see mount_session.h.
#include "binding/mount_session.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include "base/log.h"

namespace unionfs::binding {
namespace {

// Sessions that have started, for the end of the process. Never destroyed itself.
class LiveSessions {
 public:
  static LiveSessions& instance() {
    static LiveSessions* live = new LiveSessions;
    return *live;
  }

  void add(std::weak_ptr<MountSession> session) {
    const std::lock_guard lock(mu_);
    std::erase_if(sessions_, [](const auto& each) { return each.expired(); });
    sessions_.push_back(std::move(session));
  }

  std::vector<std::weak_ptr<MountSession>> takeAll() {
    const std::lock_guard lock(mu_);
    return std::exchange(sessions_, {});
  }

 private:
  // Registered after the statics of the other rooms were built, so it runs before they are destroyed.
  LiveSessions() { std::atexit(&closeAllSessions); }

  std::mutex mu_;
  std::vector<std::weak_ptr<MountSession>> sessions_;  // guarded by mu_
};

}  // namespace

void closeAllSessions() {
  for (const auto& weak : LiveSessions::instance().takeAll()) {
    if (const auto session = weak.lock()) session->close();
  }
}

MountSession::~MountSession() { close(); }

std::optional<Failure> MountSession::start(const MountRequest& request, OnEnd onEnd) {
  LiveSessions::instance().add(weak_from_this());
  log::setLevel(static_cast<log::Level>(request.logLevel));

  StackError stackError;
  std::shared_ptr<LayerStack> stack = LayerStack::open(request.stack, stackError);
  if (!stack) return Failure{stackError.error, {}, stackError.path, stackError.what};

  OverlayOptions options = request.overlay;
  if (request.recordBytes > 0)
    options.records = std::make_shared<RecordStore>(stack->size(), RecordLimits{.recordBytes = request.recordBytes});
  auto overlay = Overlay::open(std::move(stack), options);
  if (!overlay) return Failure{overlay.error(), {}, request.mount.mountpoint, "the union cannot be set up"};

  MountError mountError;
  std::shared_ptr<Session> session =
      Session::mount(std::shared_ptr<Overlay>(std::move(*overlay)), request.mount, std::move(onEnd), mountError);
  if (!session) return Failure{mountError.error, mountError.syscall, request.mount.mountpoint, mountError.detail};

  const std::lock_guard lock(mu_);
  if (closed_) return Failure{Errno(ECANCELED), "mount", request.mount.mountpoint, "the process is ending"};
  session_ = std::move(session);
  records_ = options.records;
  return std::nullopt;
}

std::shared_ptr<RecordStore> MountSession::records() const {
  const std::lock_guard lock(mu_);
  return records_;
}

std::shared_ptr<Session> MountSession::session() const {
  const std::lock_guard lock(mu_);
  return session_;
}

void MountSession::close() {
  std::shared_ptr<Session> last;
  {
    const std::lock_guard lock(mu_);
    closed_ = true;
    last = std::move(session_);
  }
  // The destructor joins threads whose onEnd may ask for mu_, so it runs without it.
  last.reset();
}

}  // namespace unionfs::binding

// path_session.h - an opened stack that is asked by path, with its workers and figures. Knows no JavaScript.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/stats.h"
#include "binding/convert.h"
#include "binding/path_tree.h"
#include "binding/path_workers.h"

namespace unionfs::binding {

class PathSession : public std::enable_shared_from_this<PathSession> {
 public:
  using OnEnd = std::function<void()>;

  ~PathSession() { close(); }

  // Opens the stack; from any thread, once. Mounts nothing.
  std::optional<Failure> open(const MountRequest& request);
  // Runs `work` on a worker. False when the session is closed: it was not taken.
  bool post(std::function<void(PathTree&)> work);
  // `onEnd` runs once, on a thread of the session, when the kernel has ended the connection that `device` serves, or
  // when the session is closed. `connection` is its number.
  Status watch(int device, uint64_t connection, OnEnd onEnd);
  // Finishes what was posted and frees everything; a mount that is watched and still there is unmounted lazily. Blocks;
  // never from a thread of the session.
  void close();

  [[nodiscard]] OverlayStats stats() const;
  [[nodiscard]] unsigned threads() const { return workers_.threads(); }
  [[nodiscard]] bool isOpen() const;

 private:
  void unmountWatched();
  void stopWatching();

  PathWorkers workers_;
  mutable std::mutex mu_;
  std::shared_ptr<Overlay> overlay_;   // guarded by mu_
  std::shared_ptr<PathTree> tree_;     // guarded by mu_
  sys::Thread watcher_;                // guarded by mu_
  std::string mountpoint_;             // guarded by mu_
  uint64_t connection_ = 0;            // guarded by mu_
  std::atomic<bool> watching_{false};  // the watcher has not ended
  std::atomic<bool> stopping_{false};  // the watcher shall end
};

}  // namespace unionfs::binding

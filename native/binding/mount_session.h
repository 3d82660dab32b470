// mount_session.h - one mount as the binding holds it: from the request, over the running session, to its end.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "binding/convert.h"
#include "index/record_store.h"

namespace unionfs::binding {

class MountSession : public std::enable_shared_from_this<MountSession> {
 public:
  // Runs once, on a thread of the session, when the kernel has closed the connection.
  using OnEnd = std::function<void(std::string reason)>;

  ~MountSession();

  // Opens the stack and mounts; from any thread, once. Blocks until the mount is usable or has failed.
  std::optional<Failure> start(const MountRequest& request, OnEnd onEnd);
  // Null before the mount is there and after close().
  [[nodiscard]] std::shared_ptr<Session> session() const;
  // What the engine knows and learns of its layers; null when records are off, or before the layers are open. Outlives
  // the session, so that what was learned can be taken after its end.
  [[nodiscard]] std::shared_ptr<RecordStore> records() const;
  // Frees everything; unmounts lazily what is still mounted. Blocks. Never from a thread of the session. A start()
  // that finishes later gives up what it mounted.
  void close();

 private:
  mutable std::mutex mu_;
  std::shared_ptr<Session> session_;      // guarded by mu_
  std::shared_ptr<RecordStore> records_;  // guarded by mu_
  bool closed_ = false;                   // guarded by mu_
};

// Closes every session of the process that is still open: at exit, before static objects go away under their threads.
void closeAllSessions();

}  // namespace unionfs::binding

// served_mount.h - one mount with all that is known of it, and how it is told to others.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "daemon/plain_request.h"
#include "daemon/plain_stack.h"
#include "daemon/time_now.h"
#include "daemon/troubles.h"
#include "fuse/session.h"

namespace unionfs::daemon {

class ServedMount {
 public:
  // Opens the layers and mounts. Null when anything fails; nothing is then left mounted or locked.
  static std::unique_ptr<ServedMount> start(const PlainRequest& request, PlainStack stack, std::string version, Session::OnEnd onEnd);

  // Unmounts lazily what is still mounted; waits for the threads.
  ~ServedMount();
  ServedMount(const ServedMount&) = delete;
  ServedMount& operator=(const ServedMount&) = delete;

  Session& session() { return *session_; }
  // The record in the list of live mounts (src/mount/registry.ts: MountRecord).
  [[nodiscard]] std::string recordJson(const std::string& socket) const;
  // The figures of this moment (src/metrics/snapshot.ts: Snapshot).
  [[nodiscard]] std::string snapshotJson() const;

 private:
  ServedMount(PlainStack stack, std::string version) : stack_(std::move(stack)), version_(std::move(version)) {}
  [[nodiscard]] std::string sessionJson() const;
  [[nodiscard]] std::string operationsJson() const;
  [[nodiscard]] std::string overlayJson() const;

  const PlainStack stack_;
  const std::string version_;
  const std::string startedAt_ = timeNow();
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  Troubles troubles_;
  std::unique_ptr<Session> session_;
};

}  // namespace unionfs::daemon

// xattr_silence.h - on a mount that cannot change: finds out whether no file has any extended attribute.
//
// The kernel remembers no xattr, so programs that ask each file (ls -l, podman's diff) pay a round trip each. Told ENOSYS
// once, it asks no more for the life of the mount: right where there is nothing to be found, and nothing can be added. Programs
// hear EOPNOTSUPP then, and not all take it for absence: for mounts whose users are known to.
#pragma once

#include <atomic>

#include "overlay/overlay.h"
#include "sys/serving_thread.h"

namespace unionfs {

class XattrSilence {
 public:
  // Borrows it. `overlay` is read-only.
  explicit XattrSilence(Overlay& overlay) : overlay_(overlay) {}
  ~XattrSilence() { stop(); }
  XattrSilence(const XattrSilence&) = delete;
  XattrSilence& operator=(const XattrSilence&) = delete;

  // The kernel was told that a file lacks an xattr. After many of these the layers are looked through, beside serving.
  void noteAbsence();
  // No file has one, and the kernel may be told so when it asks.
  [[nodiscard]] bool holds() const { return holds_.load(std::memory_order_acquire); }
  // Gives up looking. Called once nothing is served any more, at the latest by the destructor.
  void stop();

 private:
  void look();

  Overlay& overlay_;
  std::atomic<unsigned> absences_{0};
  std::atomic<bool> holds_{false}, stopping_{false};
  sys::Thread thread_;  // started by one noteAbsence(), joined when nobody calls it any more
};

}  // namespace unionfs

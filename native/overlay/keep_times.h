// keep_times.h - publishing a copy into a directory of the upper must not look like a change of that directory.
#pragma once

#include "base/log.h"
#include "sys/attr.h"
#include "sys/stat.h"

namespace unionfs {

// Puts the times of a directory of the upper back when publishing into it is done.
// Linux: fs/overlayfs/copy_up.c:ovl_copy_up_workdir(), "Restore timestamps on parent (best effort)".
class KeepTimes {
 public:
  explicit KeepTimes(int dir) : dir_(dir), before_(sys::stat({dir, ""})) {}
  KeepTimes(const KeepTimes&) = delete;
  KeepTimes& operator=(const KeepTimes&) = delete;
  ~KeepTimes() {
    if (!before_.ok()) return;
    const auto restored = sys::utimens({dir_, ""}, sys::TimeSpecOrNow{false, before_->atime}, sys::TimeSpecOrNow{false, before_->mtime});
    if (!restored.ok())
      log::write(log::Level::debug, "a directory's times could not be kept over a copy-up", {{"errno", restored.error().value()}});
  }

 private:
  int dir_;
  Result<sys::Stat> before_;
};

}  // namespace unionfs

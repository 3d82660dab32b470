// workdir.h - where changes to the upper are made whole before they are seen, and how they get there.
//
// WORKDIR/work holds staged objects under names "#HEX"; whatever a crash leaves there is swept at the next mount.
// Every change of the upper that takes more than one system call goes through this file, and each function leaves
// the upper *before* or *after*, never between, whichever call is the last one made.
//
// A whiteout is a link to one shared character device 0:0, as kernel overlayfs makes them. Where the upper cannot do
// that (no mknod of 0:0, no RENAME_EXCHANGE, no RENAME_WHITEOUT) it is a file `.wh.NAME`, which takes effect only
// when NAME itself goes: so the same promises hold.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "layer/layer.h"
#include "layer/marker.h"
#include "sys/fd.h"

namespace unionfs {

// What the upper itself says of a name.
enum class UpperName {
  absent,          // nothing: a create goes straight in
  whiteoutDevice,  // char 0:0: a create must replace it; another program may have left a `.wh.NAME` besides
  whiteoutFile,    // `.wh.NAME` beside it: a create must remove that afterwards
  present,         // a file or directory of the upper
};

enum class WhiteoutForm { device, file };

class WorkDir {
 public:
  struct Features {
    marker::XattrSpace xattrs = marker::XattrSpace::none;
    WhiteoutForm whiteout = WhiteoutForm::device;
    bool tmpfile = false;  // O_TMPFILE and linkat of it
  };

  // EBUSY: another mount holds the lock. EXDEV: not on the upper's mount. EUCLEAN: an unclean volatile mount lies here
  // (WORKDIR/work/incompat/volatile), whose upper may have lost data.
  // `whiteoutFiles`: no devices, whatever the upper can.
  static Result<std::unique_ptr<WorkDir>> open(const std::string& path, const Layer& upper, bool whiteoutFiles = false);
  // Takes the shared whiteout away: a mount that came to nothing leaves an empty work directory.
  ~WorkDir();
  WorkDir(const WorkDir&) = delete;
  WorkDir& operator=(const WorkDir&) = delete;

  [[nodiscard]] const Features& features() const { return features_; }
  // Marks the upper as one that may lose data.
  Status markVolatile();
  // Takes that mark away; called when everything is on disk.
  Status clearVolatile();

  [[nodiscard]] const Fd& directory() const { return work_; }
  // A name in the work directory nobody else has.
  [[nodiscard]] std::string newName();
  [[nodiscard]] At at(const std::string& name) const { return {work_.get(), name.c_str()}; }
  // Removes a staged or displaced object, with all below it. A failure is logged: the next mount sweeps.
  void discard(const std::string& name);

  // Marks a directory of the upper, or a staged one, as hiding what is below: with the xattr, and where whiteouts are files
  // with the opaque file, too, as their readers know no xattrs.
  Status setOpaque(int dir) const;

  // Publishes the staged object at `target`; `was` is what the upper says of the name now. Directories that replace
  // a whiteout must have been marked opaque by the caller.
  Status publish(const std::string& staged, At target, UpperName was, bool isDir);
  // Publishes an O_TMPFILE; `was` must not be `present`.
  Status publishTemporary(int fd, At target, UpperName was);

  // Hides the lower's `target`, of which the upper has nothing.
  Status whiteoutAbsent(At target);
  // Replaces the upper's non-directory by a whiteout.
  Status whiteoutFile(At target);
  // Replaces the upper's directory, which only markers may still be in, by a whiteout.
  Status whiteoutDir(At target);
  // Removes the upper's directory, which only markers may still be in; nothing below is hidden by it.
  Status removeDir(At target);
  // Moves `from` (present) to `to`, leaving a whiteout at `from`. A file or empty directory of the upper at `to` is
  // replaced.
  Status renameLeavingWhiteout(At from, At to, UpperName toWas, bool isDir);
  // Moves `from` to `to`, leaving nothing.
  Status renamePlain(At from, At to, UpperName toWas, bool isDir);

 private:
  WorkDir() = default;
  Status sweep(int base);
  Status probe(bool whiteoutFiles);
  Status probeWhiteouts();
  Status makeSharedWhiteout();
  Status linkWhiteout(At target);
  Status createWhiteoutFile(At target);
  static void removeWhiteoutFile(At target);

  Fd base_;       // WORKDIR, locked
  Fd work_;       // WORKDIR/work
  Fd upperLock_;  // the upper's root, locked
  Features features_;
  std::atomic<uint64_t> next_{1};
  std::mutex whiteoutMutex_;  // guards whiteoutName_
  std::string whiteoutName_;  // the shared whiteout, empty until needed
};

}  // namespace unionfs

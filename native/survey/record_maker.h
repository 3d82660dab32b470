// record_maker.h - from a real directory to its record: what is true of it now, or nothing when that cannot be said.
//
// Used where a mount reads a directory anyway, and where a whole layer is walked (layer_walk.h).
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "index/dir_record.h"
#include "layer/marker.h"
#include "sys/dir.h"
#include "sys/stat.h"

namespace unionfs {

class RecordMaker {
 public:
  enum class Kind {
    plain,  // of a layer that is checked when used: names, types, numbers
    full,   // of a layer that is sealed: everything
  };

  // `fd`: the directory, open for reading; borrowed. `device`: of the layer's root.
  RecordMaker(int fd, dev_t device, Kind kind) : fd_(fd), device_(device), kind_(kind) {}

  // Before the first entry is read.
  Status begin();
  // After begin(): whether the directory is on the layer's filesystem.
  [[nodiscard]] bool isOnLayer() const { return before_.dev == device_; }
  // For each entry of the directory.
  void take(const sys::RawEntry& entry);
  // After the last. nullopt: what was read may not be what the directory's times stand for (it changed meanwhile, or a
  // moment ago), or it holds what no record can say (another filesystem's files; in a layer that is only checked
  // possible xattr whiteouts, copies, and a redirect).
  Result<std::optional<DirRecordContents>> finish();

 private:
  void takeFull(RecordedEntry& entry, At at, const sys::Stat& stat);
  // What a mark says; that it cannot be read is a failure of the record.
  template <typename Ask>
  bool isMarked(bool possible, Ask&& ask);

  int fd_;
  dev_t device_;
  Kind kind_;
  sys::Stat before_;
  DirRecordContents contents_;
  bool fit_ = true;
  std::optional<Errno> failure_;
};

RecordTime recordTime(const sys::Timespec& time);
// The stat of a directory is the one its record was made at.
bool agrees(const RecordHead& head, const sys::Stat& stat);

}  // namespace unionfs

// record_maker.cc - see record_maker.h.
#include "survey/record_maker.h"

#include <dirent.h>

#include <algorithm>
#include <ctime>

#include "sys/tree.h"
#include "sys/xattr.h"

namespace unionfs {

namespace {

// A directory that changed less than this before it was read may change again without its times showing it: clocks of
// filesystems tick as coarsely as two seconds (FAT), mostly in milliseconds.
constexpr int64_t kSettled = 2;

bool isNewerThan(const sys::Timespec& time, int64_t now) { return time.sec + kSettled >= now; }

}  // namespace

RecordTime recordTime(const sys::Timespec& time) { return {time.sec, time.nsec}; }

bool agrees(const RecordHead& head, const sys::Stat& stat) {
  return head.ino == stat.ino && head.mtime == recordTime(stat.mtime) && head.ctime == recordTime(stat.ctime);
}

Status RecordMaker::begin() {
  TRY_ASSIGN(before_, sys::stat({fd_, ""}));
  TRY_ASSIGN(const marker::DirMarks marks, marker::readDirMarks(fd_));
  const bool partsElsewhere = marks.impure || (marks.redirected && !marks.opaque);
  RecordHead& head = contents_.head;
  head.full = kind_ == Kind::full;
  head.opaque = marks.opaque;
  head.redirected = marks.redirected;
  head.xattrWhiteouts = marks.mayHoldXattrWhiteouts;
  head.ino = before_.ino;
  head.mtime = recordTime(before_.mtime);
  head.ctime = recordTime(before_.ctime);
  head.blksize = before_.blksize;
  head.attributesMask = before_.attributesMask;
  if (kind_ == Kind::full) {
    TRY_ASSIGN(const std::string names, sys::listXattr({fd_, ""}));
    head.hasXattrs = !names.empty();
    head.partsElsewhere = partsElsewhere;
  } else if (marks.mayHoldXattrWhiteouts || partsElsewhere) {
    fit_ = false;
  }
  if (!isOnLayer()) fit_ = false;
  return success();
}

void RecordMaker::takeFull(RecordedEntry& entry, At at, const sys::Stat& stat) {
  RecordedAttr& attr = entry.attr;
  entry.ino = stat.ino;
  attr.size = stat.size;
  attr.blocks = stat.blocks;
  attr.rdev = S_ISCHR(stat.mode) || S_ISBLK(stat.mode) ? stat.rdev : 0;
  attr.attributes = stat.attributes;
  attr.mode = stat.mode;
  attr.uid = stat.uid;
  attr.gid = stat.gid;
  attr.nlink = stat.nlink;
  attr.atime = recordTime(stat.atime);
  attr.mtime = recordTime(stat.mtime);
  attr.ctime = recordTime(stat.ctime);
  if (stat.btime) attr.btime = recordTime(*stat.btime);
  const auto names = sys::listXattr(at);
  if (!names.ok()) {
    failure_ = names.error();
    return;
  }
  const auto named = sys::namesIn(*names);
  const auto holds = [&named](std::string_view wanted) { return std::ranges::find(named, wanted) != named.end(); };
  attr.hasXattrs = !named.empty();
  attr.hasAcl = holds("system.posix_acl_access") || holds("system.posix_acl_default");
  attr.hasCapability = holds("security.capability");
  if (!S_ISLNK(stat.mode)) return;
  auto target = sys::readlink(at);
  if (!target.ok())
    failure_ = target.error();
  else if (target->size() <= kLongestTarget)
    entry.target = std::move(*target);
}

template <typename Ask>
bool RecordMaker::isMarked(bool possible, Ask&& ask) {
  if (!possible) return false;
  const Result<bool> marked = ask();
  if (!marked.ok()) failure_ = marked.error();
  return marked.ok() && *marked;
}

void RecordMaker::take(const sys::RawEntry& raw) {
  if (!fit_ || failure_) return;
  RecordedEntry entry;
  entry.name = raw.name;
  entry.ino = raw.ino;
  entry.type = raw.type;
  if (marker::isReservedName(raw.name)) contents_.head.holdsWhiteoutFiles = true;
  if (kind_ == Kind::full || raw.type == DT_CHR || raw.type == DT_UNKNOWN) {
    const At at{fd_, raw.name.data()};
    const auto stat = sys::stat(at);
    if (!stat.ok()) {
      failure_ = stat.error();
      return;
    }
    entry.type = static_cast<uint8_t>((stat->mode & S_IFMT) >> 12U);
    entry.whiteout =
        marker::isWhiteoutDevice(*stat) || isMarked(contents_.head.xattrWhiteouts, [&] { return marker::isXattrWhiteout(at, *stat); });
    if (stat->dev != device_) fit_ = false;
    if (kind_ == Kind::full) takeFull(entry, at, *stat);
    if (isMarked(entry.attr.hasXattrs, [&] { return marker::isMetacopy(at, *stat, true); })) contents_.head.partsElsewhere = true;
  }
  contents_.entries.push_back(std::move(entry));
}

Result<std::optional<DirRecordContents>> RecordMaker::finish() {
  if (failure_ && *failure_ != ENOENT) return *failure_;
  const int64_t now = std::time(nullptr);
  TRY_ASSIGN(const sys::Stat after, sys::stat({fd_, ""}));
  const bool settled = kind_ == Kind::full || (!isNewerThan(after.mtime, now) && !isNewerThan(after.ctime, now));
  if (!fit_ || failure_ || !settled || !agrees(contents_.head, after)) return std::optional<DirRecordContents>();
  std::ranges::sort(contents_.entries, {}, &RecordedEntry::name);
  return std::optional(std::move(contents_));
}

}  // namespace unionfs

// compare.cc - see compare.h.
#include "survey/compare.h"

#include <dirent.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <ctime>

namespace unionfs {

namespace {

std::string typeName(uint8_t type, bool whiteout) {
  if (whiteout) return "a whiteout";
  switch (type) {
    case DT_REG:
      return "a file";
    case DT_DIR:
      return "a directory";
    case DT_LNK:
      return "a symlink";
    case DT_CHR:
    case DT_BLK:
      return "a device";
    case DT_FIFO:
      return "a fifo";
    default:
      return "a socket";
  }
}

struct Mode {
  uint32_t bits;
  bool operator==(const Mode&) const = default;
};

template <typename... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 64> buffer{};
  const int length = std::snprintf(buffer.data(), buffer.size(), format, values...);
  return {buffer.data(), static_cast<size_t>(std::clamp(length, 0, static_cast<int>(buffer.size()) - 1))};
}

std::string text(uint64_t value) { return std::to_string(value); }
std::string text(const Mode& mode) { return formatted("%04o", mode.bits); }
// "2026-11-23 14:05:09.012345678 UTC": two times may differ in the last digit only.
std::string text(const RecordTime& time) {
  std::tm utc{};
  const time_t seconds = time.sec;
  if (gmtime_r(&seconds, &utc) == nullptr) return formatted("%lld s", static_cast<long long>(time.sec));
  return formatted("%04d-%02d-%02d %02d:%02d:%02d.%09u UTC", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                   utc.tm_sec, static_cast<unsigned>(time.nsec));
}
std::string text(bool value) { return value ? "yes" : "no"; }
std::string text(const std::string& value) { return "'" + value + "'"; }

class Differences {
 public:
  template <typename T>
  void compare(const std::string& subject, const char* what, const T& recorded, const T& found) {
    if (recorded == found) return;
    list_.push_back(subject + ": " + what + " recorded as " + text(recorded) + ", is " + text(found));
  }
  void add(std::string sentence) { list_.push_back(std::move(sentence)); }
  std::vector<std::string> take() { return std::move(list_); }

 private:
  std::vector<std::string> list_;
};

void compareHeads(Differences& out, const RecordHead& a, const RecordHead& b) {
  const std::string self = ".";
  out.compare(self, "inode number", a.ino, b.ino);
  out.compare(self, "mtime", a.mtime, b.mtime);
  out.compare(self, "ctime", a.ctime, b.ctime);
  out.compare(self, "opaque", a.opaque, b.opaque);
  out.compare(self, "redirect", a.redirected, b.redirected);
  out.compare(self, "possible xattr whiteouts", a.xattrWhiteouts, b.xattrWhiteouts);
  if (!a.full || !b.full) return;
  out.compare(self, "extended attributes", a.hasXattrs, b.hasXattrs);
  out.compare(self, "parts in other layers", a.partsElsewhere, b.partsElsewhere);
}

// Not the access time: reading a layer may move it, and that is no change.
void compareAttributes(Differences& out, const RecordedEntry& a, const RecordedEntry& b) {
  const std::string& name = a.name;
  out.compare(name, "size", a.attr.size, b.attr.size);
  out.compare(name, "mode", Mode{a.attr.mode & 07777U}, Mode{b.attr.mode & 07777U});
  out.compare(name, "owner", uint64_t{a.attr.uid}, uint64_t{b.attr.uid});
  out.compare(name, "group", uint64_t{a.attr.gid}, uint64_t{b.attr.gid});
  out.compare(name, "link count", uint64_t{a.attr.nlink}, uint64_t{b.attr.nlink});
  out.compare(name, "device number", a.attr.rdev, b.attr.rdev);
  out.compare(name, "mtime", a.attr.mtime, b.attr.mtime);
  out.compare(name, "ctime", a.attr.ctime, b.attr.ctime);
  out.compare(name, "extended attributes", a.attr.hasXattrs, b.attr.hasXattrs);
  out.compare(name, "ACL", a.attr.hasAcl, b.attr.hasAcl);
  out.compare(name, "capability", a.attr.hasCapability, b.attr.hasCapability);
  out.compare(name, "target", a.target.value_or(""), b.target.value_or(""));
}

void compareEntries(Differences& out, const RecordedEntry& a, const RecordedEntry& b, bool full) {
  if (a.type != b.type || a.whiteout != b.whiteout) {
    out.add(a.name + ": recorded as " + typeName(a.type, a.whiteout) + ", is " + typeName(b.type, b.whiteout));
    return;
  }
  out.compare(a.name, "inode number", a.ino, b.ino);
  if (full) compareAttributes(out, a, b);
}

// Calls `both(i, j)` for names in both lists, `onlyA(i)` and `onlyB(j)` for the others, in order.
template <typename Both, typename OnlyA, typename OnlyB>
void merge(const std::vector<RecordedEntry>& a, const std::vector<RecordedEntry>& b, Both&& both, OnlyA&& onlyA, OnlyB&& onlyB) {
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (j == b.size() || (i < a.size() && a[i].name < b[j].name))
      onlyA(i++);
    else if (i == a.size() || b[j].name < a[i].name)
      onlyB(j++);
    else
      both(i++, j++);
  }
}

}  // namespace

std::vector<std::string> compareRecords(const DirRecordContents& recorded, const DirRecordContents& found) {
  Differences out;
  compareHeads(out, recorded.head, found.head);
  const auto &a = recorded.entries, &b = found.entries;
  const bool full = recorded.head.full && found.head.full;
  merge(
      a, b, [&](size_t i, size_t j) { compareEntries(out, a[i], b[j], full); },
      [&](size_t i) { out.add(a[i].name + ": recorded, and not there"); },
      [&](size_t j) { out.add(b[j].name + ": there, and not recorded"); });
  return out.take();
}

std::vector<std::string> compareContents(const DirRecordContents& recorded, const ContentRecord& recordedSums,
                                         const DirRecordContents& found, const ContentRecord& foundSums) {
  const auto &a = recorded.entries, &b = found.entries;
  if (recordedSums.entries.size() != a.size() || foundSums.entries.size() != b.size()) {
    return {".: the recorded checksums are of another state of the directory"};
  }
  Differences out;
  if (recordedSums.ownXattrs != foundSums.ownXattrs) out.add(".: its extended attributes differ from the sealed ones");
  const auto both = [&](size_t i, size_t j) {
    if (a[i].type != b[j].type) return;  // compareRecords tells
    const ContentSums &was = recordedSums.entries[i], &is = foundSums.entries[j];
    if (was.data != is.data) out.add(a[i].name + ": its contents differ from the sealed ones");
    if (was.xattrs != is.xattrs) out.add(a[i].name + ": its extended attributes differ from the sealed ones");
  };
  merge(
      a, b, both, [](size_t) {}, [](size_t) {});
  return out.take();
}

}  // namespace unionfs

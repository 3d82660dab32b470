// dir_record.h - what one directory of one layer holds, as it is kept on disk and, unchanged, in memory.
//
// A full record has everything stat and readlink would say of each name; a plain one has names, types and inode
// numbers. Bytes: docs/FORMAT.md. A record that is damaged, or of a version unknown here, is no record: it is made
// again. The room knows no marker: which names hide others is said by whoever makes a record.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unionfs {

struct RecordTime {
  int64_t sec = 0;
  uint32_t nsec = 0;
  friend bool operator==(const RecordTime&, const RecordTime&) = default;
};

// What a full record has of a file beyond its name. `mode` holds the type.
struct RecordedAttr {
  uint64_t size = 0, blocks = 0, rdev = 0, attributes = 0;
  uint32_t mode = 0, uid = 0, gid = 0, nlink = 1;
  RecordTime atime, mtime, ctime;
  std::optional<RecordTime> btime;
  bool hasXattrs = false;      // any at all
  bool hasAcl = false;         // a POSIX ACL among them
  bool hasCapability = false;  // security.capability among them
  friend bool operator==(const RecordedAttr&, const RecordedAttr&) = default;
};

struct RecordedEntry {
  std::string name;
  uint64_t ino = 0;
  uint8_t type = 0;  // DT_*, never unknown
  bool whiteout = false;
  RecordedAttr attr;                  // of full records
  std::optional<std::string> target;  // of full records: a symlink's, when it is short
  friend bool operator==(const RecordedEntry&, const RecordedEntry&) = default;
};

struct RecordHead {
  bool full = false;
  bool opaque = false;
  bool redirected = false;
  bool xattrWhiteouts = false;      // files in it may be xattr whiteouts
  bool holdsWhiteoutFiles = false;  // some name marks a deletion of another
  bool hasXattrs = false;           // of full records: the directory itself has some
  bool partsElsewhere = false;      // of full records: it was moved, or may hold copies of what other layers have; for
                                    // checks alone, a union asks the layer
  uint64_t ino = 0;
  RecordTime mtime, ctime;
  uint32_t blksize = 4096;      // of full records
  uint64_t attributesMask = 0;  // of full records
  friend bool operator==(const RecordHead&, const RecordHead&) = default;
};

struct DirRecordContents {
  RecordHead head;
  std::vector<RecordedEntry> entries;
  friend bool operator==(const DirRecordContents&, const DirRecordContents&) = default;
};

inline constexpr uint8_t kDirRecordVersion = 1;
// Longer symlink targets are not kept.
inline constexpr size_t kLongestTarget = 255;

// Sorts the entries by name. Precondition: names are unique, not empty, at most 255 bytes, without '/' and NUL.
std::string encodeDirRecord(DirRecordContents contents);

// A record that was checked whole once, and is then searched where it lies. Owns its bytes; immutable, so thread-safe.
class DirRecord {
 public:
  // nullopt: damaged, or another version.
  static std::optional<DirRecord> open(std::string bytes);

  [[nodiscard]] const RecordHead& head() const { return head_; }
  [[nodiscard]] size_t count() const { return count_; }
  [[nodiscard]] size_t memory() const { return bytes_.capacity() + sizeof *this; }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

  [[nodiscard]] std::optional<RecordedEntry> find(std::string_view name) const;
  [[nodiscard]] bool contains(std::string_view name) const;
  // In order of names, without attributes and targets. The name is valid during the call and ends with a NUL.
  struct Brief {
    std::string_view name;
    uint64_t ino;
    uint8_t type;
    bool whiteout;
  };
  void forEachBrief(const std::function<void(const Brief&)>& visit) const;
  [[nodiscard]] DirRecordContents contents() const;

 private:
  struct Owner {
    uint32_t mode, uid, gid;
  };
  class Cursor;
  DirRecord() = default;
  bool readHead();
  [[nodiscard]] bool checkEntries() const;
  [[nodiscard]] std::string_view restartName(size_t group) const;
  bool readBody(std::string_view body, RecordedEntry& into) const;

  std::string bytes_;
  RecordHead head_;
  std::vector<Owner> owners_;
  uint32_t count_ = 0;
  uint32_t entriesAt_ = 0, restartsAt_ = 0;
};

}  // namespace unionfs

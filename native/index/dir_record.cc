// dir_record.cc - see dir_record.h. The layout stands in docs/FORMAT.md.
#include "index/dir_record.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "base/xxh64.h"
#include "index/bytes.h"

namespace unionfs {

namespace {

constexpr size_t kGroup = 16;  // names of a group share beginnings; the first is whole
constexpr size_t kChecksum = 8;
constexpr size_t kLongestName = 255;
constexpr uint32_t kSecond = 1'000'000'000;
// Seconds whose nanoseconds fit 63 bits with room for differences.
constexpr int64_t kNarrowSeconds = 4'000'000'000;

enum HeadFlag : uint8_t {
  kFull = 1,
  kOpaque = 2,
  kRedirected = 4,
  kXattrWhiteouts = 8,
  kWhiteoutFiles = 16,
  kDirXattrs = 32,
  kPartsElsewhere = 64
};
enum EntryFlag : uint8_t {
  kWhiteout = 1,
  kXattrs = 2,
  kAcl = 4,
  kCapability = 8,
  kNlink = 16,       // a link count other than 1 follows
  kBlocks = 32,      // blocks other than the size suggests follow
  kAttributes = 64,  // STATX_ATTR_* follow
  kTarget = 128,     // a symlink's target follows
};
enum TimeFlag : uint8_t { kAtimeBase = 3, kWide = 4, kBirth = 8 };

uint64_t expectedBlocks(uint32_t mode, uint64_t size) { return S_ISREG(mode) || S_ISDIR(mode) ? (size + 4095) / 4096 * 8 : 0; }
bool isDevice(uint8_t type) { return type == DT_CHR || type == DT_BLK; }
bool isNarrow(const RecordTime& time) { return time.sec > -kNarrowSeconds && time.sec < kNarrowSeconds; }
int64_t nanoseconds(const RecordTime& time) { return time.sec * kSecond + time.nsec; }
uint64_t distance(int64_t a, int64_t b) {
  return a > b ? static_cast<uint64_t>(a) - static_cast<uint64_t>(b) : static_cast<uint64_t>(b) - static_cast<uint64_t>(a);
}

RecordTime timeOf(int64_t ns) {
  int64_t sec = ns / kSecond, rest = ns % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --sec;
  }
  return {sec, static_cast<uint32_t>(rest)};
}

// A difference that may wrap: the reader adds it back the same way.
int64_t minus(int64_t a, int64_t b) { return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b)); }
int64_t plus(int64_t a, int64_t b) { return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b)); }

void writeTime(ByteWriter& out, const RecordTime& time) {
  out.signedNumber(time.sec);
  out.number(time.nsec);
}

RecordTime readTime(ByteReader& in) {
  const int64_t sec = in.signedNumber();
  return {sec, static_cast<uint32_t>(in.numberUpTo(kSecond - 1))};
}

bool isName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && name != "." && name != ".." && name.find('/') == name.npos &&
         name.find('\0') == name.npos;
}

// Times of an entry as differences: mtime to the directory's, ctime to the directory's, birth to the ctime, atime to
// whichever of these three is nearest.
void writeTimes(ByteWriter& out, const RecordHead& head, const RecordedAttr& attr) {
  const bool narrow = isNarrow(head.mtime) && isNarrow(head.ctime) && isNarrow(attr.atime) && isNarrow(attr.mtime) &&
                      isNarrow(attr.ctime) && (!attr.btime || isNarrow(*attr.btime));
  const uint8_t birth = attr.btime ? kBirth : 0;
  if (!narrow) {
    out.byte(kWide | birth);
    for (const RecordTime& time : {attr.atime, attr.mtime, attr.ctime}) writeTime(out, time);
    if (attr.btime) writeTime(out, *attr.btime);
    return;
  }
  const int64_t atime = nanoseconds(attr.atime), mtime = nanoseconds(attr.mtime), ctime = nanoseconds(attr.ctime);
  const std::array<int64_t, 3> bases = {mtime, ctime, attr.btime ? nanoseconds(*attr.btime) : ctime};
  uint8_t nearest = 0;
  for (uint8_t i = 1; i < bases.size(); ++i) {
    if (distance(atime, bases[i]) < distance(atime, bases[nearest])) nearest = i;
  }
  out.byte(nearest | birth);
  out.signedNumber(minus(mtime, nanoseconds(head.mtime)));
  out.signedNumber(minus(ctime, nanoseconds(head.ctime)));
  if (attr.btime) out.signedNumber(minus(bases[2], ctime));
  out.signedNumber(minus(atime, bases[nearest]));
}

bool readTimes(ByteReader& in, const RecordHead& head, RecordedAttr& attr) {
  const uint8_t flags = in.byte();
  const uint8_t base = flags & kAtimeBase;
  if ((flags & ~(kAtimeBase | kWide | kBirth)) != 0 || base == 3 || ((flags & kWide) != 0 && base != 0)) return false;
  if ((flags & kWide) != 0) {
    attr.atime = readTime(in);
    attr.mtime = readTime(in);
    attr.ctime = readTime(in);
    if ((flags & kBirth) != 0) attr.btime = readTime(in);
    return in.ok();
  }
  if (!isNarrow(head.mtime) || !isNarrow(head.ctime)) return false;
  const int64_t mtime = plus(in.signedNumber(), nanoseconds(head.mtime));
  const int64_t ctime = plus(in.signedNumber(), nanoseconds(head.ctime));
  const int64_t btime = (flags & kBirth) != 0 ? plus(in.signedNumber(), ctime) : ctime;
  const std::array<int64_t, 3> bases = {mtime, ctime, btime};
  attr.atime = timeOf(plus(in.signedNumber(), bases[base]));
  attr.mtime = timeOf(mtime);
  attr.ctime = timeOf(ctime);
  if ((flags & kBirth) != 0) attr.btime = timeOf(btime);
  return in.ok();
}

void setFlag(uint8_t& flags, uint8_t flag, bool on) {
  if (on) flags = static_cast<uint8_t>(flags | flag);
}

uint8_t flagsOf(const RecordedEntry& entry, bool full) {
  uint8_t flags = 0;
  setFlag(flags, kWhiteout, entry.whiteout);
  if (!full) return flags;
  const RecordedAttr& attr = entry.attr;
  setFlag(flags, kXattrs, attr.hasXattrs);
  setFlag(flags, kAcl, attr.hasAcl);
  setFlag(flags, kCapability, attr.hasCapability);
  setFlag(flags, kNlink, attr.nlink != 1);
  setFlag(flags, kBlocks, attr.blocks != expectedBlocks(attr.mode, attr.size));
  setFlag(flags, kAttributes, attr.attributes != 0);
  setFlag(flags, kTarget, entry.target && entry.target->size() <= kLongestTarget);
  return flags;
}

void writeAttr(ByteWriter& out, const RecordHead& head, const RecordedEntry& entry, uint8_t flags, size_t owner) {
  const RecordedAttr& attr = entry.attr;
  out.number(owner);
  out.number(attr.size);
  if ((flags & kNlink) != 0) out.number(attr.nlink);
  if ((flags & kBlocks) != 0) out.number(attr.blocks);
  if ((flags & kAttributes) != 0) out.number(attr.attributes);
  if (isDevice(entry.type)) out.number(attr.rdev);
  writeTimes(out, head, attr);
  if ((flags & kTarget) != 0) out.text(*entry.target);
}

void writeHead(ByteWriter& out, const RecordHead& head, size_t count) {
  uint8_t flags = 0;
  setFlag(flags, kFull, head.full);
  setFlag(flags, kOpaque, head.opaque);
  setFlag(flags, kRedirected, head.redirected);
  setFlag(flags, kXattrWhiteouts, head.xattrWhiteouts);
  setFlag(flags, kWhiteoutFiles, head.holdsWhiteoutFiles);
  setFlag(flags, kDirXattrs, head.full && head.hasXattrs);
  setFlag(flags, kPartsElsewhere, head.full && head.partsElsewhere);
  out.byte(kDirRecordVersion);
  out.byte(flags);
  out.number(head.ino);
  writeTime(out, head.mtime);
  writeTime(out, head.ctime);
  if (head.full) {
    out.number(head.blksize);
    out.number(head.attributesMask);
  }
  out.number(count);
}

size_t groupsOf(size_t count) { return (count + kGroup - 1) / kGroup; }

size_t sharedBeginning(std::string_view a, std::string_view b) {
  const size_t most = std::min(a.size(), b.size());
  size_t shared = 0;
  while (shared < most && a[shared] == b[shared]) ++shared;
  return shared;
}

}  // namespace

std::string encodeDirRecord(DirRecordContents contents) {
  auto& entries = contents.entries;
  std::ranges::sort(entries, {}, &RecordedEntry::name);
  ByteWriter out;
  writeHead(out, contents.head, entries.size());
  const bool full = contents.head.full;
  std::map<std::tuple<uint32_t, uint32_t, uint32_t>, size_t> owners;
  if (full) {
    std::vector<std::tuple<uint32_t, uint32_t, uint32_t>> listed;
    for (const auto& entry : entries) {
      const std::tuple owner{entry.attr.mode, entry.attr.uid, entry.attr.gid};
      if (owners.emplace(owner, listed.size()).second) listed.push_back(owner);
    }
    out.number(listed.size());
    for (const auto& [mode, uid, gid] : listed) {
      out.number(mode);
      out.number(uid);
      out.number(gid);
    }
  }
  std::vector<uint32_t> restarts;
  std::string_view previous;
  for (size_t i = 0; i < entries.size(); ++i) {
    const RecordedEntry& entry = entries[i];
    if (i % kGroup == 0) {
      restarts.push_back(static_cast<uint32_t>(out.size()));
      previous = {};
    }
    const size_t shared = sharedBeginning(previous, entry.name);
    out.number(shared);
    out.number(entry.name.size() - shared);
    out.text(std::string_view(entry.name).substr(shared));
    previous = entry.name;
    ByteWriter body;
    const uint8_t flags = flagsOf(entry, full);
    body.byte(entry.type);
    body.byte(flags);
    body.signedNumber(minus(static_cast<int64_t>(entry.ino), static_cast<int64_t>(contents.head.ino)));
    if (full) writeAttr(body, contents.head, entry, flags, owners[{entry.attr.mode, entry.attr.uid, entry.attr.gid}]);
    out.number(body.size());
    out.text(body.bytes());
  }
  for (const uint32_t restart : restarts) out.fixed32(restart);
  out.fixed64(xxh64(out.bytes()));
  return out.take();
}

// Steps over entries without looking into their bodies.
class DirRecord::Cursor {
 public:
  Cursor(const DirRecord& record, size_t at) : reader_(std::string_view(record.bytes_).substr(at, record.restartsAt_ - at)) {}

  // False at the end, or when the bytes make no sense.
  bool next() {
    if (reader_.atEnd()) return false;
    shared_ = reader_.numberUpTo(nameSize_);
    const uint64_t more = reader_.numberUpTo(kLongestName - shared_);
    const std::string_view suffix = reader_.text(more);
    const uint64_t size = reader_.number();
    body_ = reader_.text(size);
    if (!reader_.ok()) return false;
    std::copy(suffix.begin(), suffix.end(), name_.begin() + static_cast<std::ptrdiff_t>(shared_));
    nameSize_ = shared_ + suffix.size();
    name_[nameSize_] = '\0';
    return true;
  }
  [[nodiscard]] bool ok() const { return reader_.ok(); }
  [[nodiscard]] size_t left() const { return reader_.left(); }
  [[nodiscard]] uint64_t shared() const { return shared_; }
  [[nodiscard]] std::string_view name() const { return {name_.data(), nameSize_}; }
  [[nodiscard]] std::string_view body() const { return body_; }

 private:
  ByteReader reader_;
  std::array<char, kLongestName + 1> name_;
  size_t nameSize_ = 0;
  uint64_t shared_ = 0;
  std::string_view body_;
};

bool DirRecord::readHead() {
  if (bytes_.size() < kChecksum + 2 || static_cast<uint8_t>(bytes_[0]) != kDirRecordVersion) return false;
  const std::string_view covered = std::string_view(bytes_).substr(0, bytes_.size() - kChecksum);
  if (ByteReader(std::string_view(bytes_).substr(covered.size())).fixed64() != xxh64(covered)) return false;
  ByteReader in(covered.substr(1));
  const uint8_t flags = in.byte();
  if ((flags & ~0x7fU) != 0) return false;
  head_.full = (flags & kFull) != 0;
  head_.opaque = (flags & kOpaque) != 0;
  head_.redirected = (flags & kRedirected) != 0;
  head_.xattrWhiteouts = (flags & kXattrWhiteouts) != 0;
  head_.holdsWhiteoutFiles = (flags & kWhiteoutFiles) != 0;
  head_.hasXattrs = (flags & kDirXattrs) != 0;
  head_.partsElsewhere = (flags & kPartsElsewhere) != 0;
  head_.ino = in.number();
  head_.mtime = readTime(in);
  head_.ctime = readTime(in);
  if (head_.full) {
    head_.blksize = static_cast<uint32_t>(in.numberUpTo(UINT32_MAX));
    head_.attributesMask = in.number();
  }
  // Every entry takes at least four bytes, every owner three: a count cannot make us reserve more than there is.
  count_ = static_cast<uint32_t>(in.numberUpTo(covered.size()));
  if (head_.full) {
    const uint64_t owners = in.numberUpTo(in.left());
    for (uint64_t i = 0; i < owners && in.ok(); ++i) {
      const auto mode = static_cast<uint32_t>(in.numberUpTo(0xffff));
      const auto uid = static_cast<uint32_t>(in.numberUpTo(UINT32_MAX));
      owners_.push_back({mode, uid, static_cast<uint32_t>(in.numberUpTo(UINT32_MAX))});
    }
  }
  const size_t restarts = groupsOf(count_) * sizeof(uint32_t);
  if (!in.ok() || covered.size() > UINT32_MAX || in.left() < restarts) return false;
  entriesAt_ = static_cast<uint32_t>(covered.size() - in.left());
  restartsAt_ = static_cast<uint32_t>(covered.size() - restarts);
  return true;
}

bool DirRecord::checkEntries() const {
  ByteReader restarts(std::string_view(bytes_).substr(restartsAt_));
  Cursor cursor(*this, entriesAt_);
  std::string previous;
  RecordedEntry entry;
  for (size_t i = 0; i < count_; ++i) {
    const size_t at = restartsAt_ - cursor.left();
    if (i % kGroup == 0 && restarts.fixed32() != at) return false;
    if (!cursor.next() || (i % kGroup == 0 && cursor.shared() != 0)) return false;
    if (!isName(cursor.name()) || (i > 0 && cursor.name() <= previous) || !readBody(cursor.body(), entry)) return false;
    previous = cursor.name();
  }
  return cursor.left() == 0;
}

std::optional<DirRecord> DirRecord::open(std::string bytes) {
  DirRecord record;
  record.bytes_ = std::move(bytes);
  if (!record.readHead() || !record.checkEntries()) return std::nullopt;
  return record;
}

bool DirRecord::readBody(std::string_view body, RecordedEntry& into) const {
  ByteReader in(body);
  into.type = in.byte();
  const uint8_t flags = in.byte();
  into.whiteout = (flags & kWhiteout) != 0;
  into.ino = static_cast<uint64_t>(plus(in.signedNumber(), static_cast<int64_t>(head_.ino)));
  into.attr = {};
  into.target.reset();
  if (into.type == DT_UNKNOWN || into.type > DT_SOCK) return false;
  if (!head_.full) return in.ok() && in.atEnd() && (flags & ~kWhiteout) == 0;
  RecordedAttr& attr = into.attr;
  attr.hasXattrs = (flags & kXattrs) != 0;
  attr.hasAcl = (flags & kAcl) != 0;
  attr.hasCapability = (flags & kCapability) != 0;
  const uint64_t owner = in.number();
  if (!in.ok() || owner >= owners_.size()) return false;
  attr.mode = owners_[owner].mode;
  attr.uid = owners_[owner].uid;
  attr.gid = owners_[owner].gid;
  attr.size = in.number();
  attr.nlink = (flags & kNlink) != 0 ? static_cast<uint32_t>(in.numberUpTo(UINT32_MAX)) : 1;
  attr.blocks = (flags & kBlocks) != 0 ? in.number() : expectedBlocks(attr.mode, attr.size);
  if ((flags & kAttributes) != 0) attr.attributes = in.number();
  if (isDevice(into.type)) attr.rdev = in.number();
  if ((attr.mode >> 12U) != into.type || !readTimes(in, head_, attr)) return false;
  if ((flags & kTarget) == 0) return in.ok() && in.atEnd();
  if (in.left() > kLongestTarget || into.type != DT_LNK) return false;
  into.target = std::string(in.text(in.left()));
  return in.ok();
}

std::string_view DirRecord::restartName(size_t group) const {
  const size_t at = ByteReader(std::string_view(bytes_).substr(restartsAt_ + group * sizeof(uint32_t))).fixed32();
  ByteReader in(std::string_view(bytes_).substr(at));
  in.number();  // shares nothing
  return in.text(in.number());
}

std::optional<RecordedEntry> DirRecord::find(std::string_view name) const {
  // The last group whose first name is not behind `name`.
  size_t low = 0, high = groupsOf(count_);
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (restartName(middle) <= name)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == 0) return std::nullopt;
  const size_t at = ByteReader(std::string_view(bytes_).substr(restartsAt_ + (low - 1) * sizeof(uint32_t))).fixed32();
  Cursor cursor(*this, at);
  for (size_t i = 0; i < kGroup && cursor.next(); ++i) {
    const auto order = cursor.name() <=> name;
    if (order > 0) break;
    if (order < 0) continue;
    RecordedEntry entry;
    entry.name = name;
    if (!readBody(cursor.body(), entry)) break;
    return entry;
  }
  return std::nullopt;
}

bool DirRecord::contains(std::string_view name) const { return find(name).has_value(); }

void DirRecord::forEachBrief(const std::function<void(const Brief&)>& visit) const {
  Cursor cursor(*this, entriesAt_);
  while (cursor.next()) {
    ByteReader in(cursor.body());
    const uint8_t type = in.byte();
    const uint8_t flags = in.byte();
    const auto ino = static_cast<uint64_t>(plus(in.signedNumber(), static_cast<int64_t>(head_.ino)));
    visit({cursor.name(), ino, type, (flags & kWhiteout) != 0});
  }
}

DirRecordContents DirRecord::contents() const {
  DirRecordContents out{head_, {}};
  out.entries.reserve(count_);
  Cursor cursor(*this, entriesAt_);
  while (cursor.next()) {
    RecordedEntry entry;
    entry.name = cursor.name();
    if (!readBody(cursor.body(), entry)) break;
    out.entries.push_back(std::move(entry));
  }
  return out;
}

}  // namespace unionfs

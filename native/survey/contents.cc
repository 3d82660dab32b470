// contents.cc - see contents.h.
#include "survey/contents.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "base/xxh64.h"
#include "index/bytes.h"
#include "sys/io.h"
#include "sys/open.h"
#include "sys/tree.h"
#include "sys/xattr.h"

namespace unionfs {

namespace {

constexpr size_t kChunk = 1 << 20;
constexpr uint64_t kOtherSeed = 0x9e3779b97f4a7c15ULL;

Result<uint64_t> sumXattrs(At at) {
  TRY_ASSIGN(const std::string listed, sys::listXattr(at));
  if (listed.empty()) return uint64_t{0};
  std::vector<std::string_view> names = sys::namesIn(listed);
  std::ranges::sort(names);
  ByteWriter out;
  for (const std::string_view name : names) {
    TRY_ASSIGN(const std::string value, sys::getXattr(at, name.data()));
    out.number(name.size());
    out.text(name);
    out.number(value.size());
    out.text(value);
  }
  return xxh64(out.bytes());
}

Result<Fd> openToRead(At at) {
  auto fd = sys::open(at, O_RDONLY | O_NOATIME);
  if (fd.failsWith(EPERM)) return sys::open(at, O_RDONLY);  // not ours
  return fd;
}

Result<uint64_t> sumFile(At at, std::byte* buffer, const std::function<bool(size_t)>& readBytes) {
  TRY_ASSIGN(const Fd fd, openToRead(at));
  Xxh64 sum;
  for (uint64_t offset = 0;;) {
    TRY_ASSIGN(const size_t size, sys::readAt(fd.get(), {buffer, kChunk}, offset));
    if (!readBytes(size)) return Errno(EINTR);
    if (size == 0) return sum.digest();
    sum.update({reinterpret_cast<const char*>(buffer), size});
    offset += size;
  }
}

}  // namespace

Result<ContentRecord> sumContents(int fd, const DirRecordContents& record, const std::function<bool(size_t)>& readBytes,
                                  std::string& failing) {
  ContentRecord sums;
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kChunk);
  TRY_ASSIGN(sums.ownXattrs, sumXattrs({fd, ""}));
  for (const RecordedEntry& entry : record.entries) {
    const At at{fd, entry.name.c_str()};
    ContentSums& each = sums.entries.emplace_back();
    failing = entry.name;
    if (entry.type == DT_REG) {
      TRY_ASSIGN(each.data, sumFile(at, buffer.get(), readBytes));
    } else if (entry.type == DT_LNK) {
      TRY_ASSIGN(const std::string target, sys::readlink(at));
      each.data = xxh64(target);
    }
    // A directory's own are summed with what it holds.
    if (entry.type != DT_DIR && entry.attr.hasXattrs) {
      TRY_ASSIGN(each.xattrs, sumXattrs(at));
    }
  }
  failing.clear();
  return sums;
}

std::array<uint64_t, 2> digestOf(const DirRecordContents& record, const ContentRecord& sums) {
  ByteWriter out;
  out.fixed64(sums.ownXattrs);
  for (size_t i = 0; i < record.entries.size(); ++i) {
    const RecordedEntry& entry = record.entries[i];
    const RecordedAttr& attr = entry.attr;
    out.number(entry.name.size());
    out.text(entry.name);
    out.byte(entry.whiteout ? 1 : 0);
    out.number(attr.mode);
    out.number(attr.uid);
    out.number(attr.gid);
    out.number(entry.type == DT_REG ? attr.size : 0);
    out.signedNumber(attr.mtime.sec);
    out.number(attr.mtime.nsec);
    out.number(attr.rdev);
    out.fixed64(sums.entries[i].data);
    out.fixed64(sums.entries[i].xattrs);
  }
  return {xxh64(out.bytes()), xxh64(out.bytes(), kOtherSeed)};
}

}  // namespace unionfs

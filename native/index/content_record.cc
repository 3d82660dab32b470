// content_record.cc - see content_record.h.
#include "index/content_record.h"

#include "base/xxh64.h"
#include "index/bytes.h"

namespace unionfs {

namespace {

constexpr size_t kChecksum = 8, kPair = 16;

}  // namespace

std::string encodeContentRecord(const ContentRecord& record) {
  ByteWriter out;
  out.byte(kContentRecordVersion);
  out.fixed64(record.ownXattrs);
  out.number(record.entries.size());
  for (const ContentSums& sums : record.entries) {
    out.fixed64(sums.data);
    out.fixed64(sums.xattrs);
  }
  out.fixed64(xxh64(out.bytes()));
  return out.take();
}

std::optional<ContentRecord> decodeContentRecord(std::string_view bytes) {
  if (bytes.size() < kChecksum) return std::nullopt;
  const std::string_view covered = bytes.substr(0, bytes.size() - kChecksum);
  ByteReader in(covered);
  if (in.byte() != kContentRecordVersion || ByteReader(bytes.substr(covered.size())).fixed64() != xxh64(covered)) return std::nullopt;
  ContentRecord record;
  record.ownXattrs = in.fixed64();
  const uint64_t count = in.numberUpTo(covered.size());
  if (!in.ok() || in.left() != count * kPair) return std::nullopt;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t data = in.fixed64();
    record.entries.push_back({data, in.fixed64()});
  }
  return record;
}

}  // namespace unionfs

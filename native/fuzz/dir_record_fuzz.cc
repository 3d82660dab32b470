// dir_record_fuzz.cc - bytes of a broken or hostile database against the two record formats.
//
// Input: an option byte, then a record. With option bit 0 its checksum is made right, so that what lies behind it is
// searched; with bit 1 it is a content record.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/xxh64.h"
#include "index/content_record.h"
#include "index/dir_record.h"

namespace unionfs {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void tryContents(const std::string& bytes) {
  const auto record = decodeContentRecord(bytes);
  if (!record) return;
  const auto again = decodeContentRecord(encodeContentRecord(*record));
  require(again && again->entries == record->entries && again->ownXattrs == record->ownXattrs);
}

void tryRecord(const std::string& bytes) {
  const auto record = DirRecord::open(bytes);
  if (!record) return;
  const DirRecordContents contents = record->contents();
  require(contents.entries.size() == record->count());
  size_t briefs = 0;
  record->forEachBrief([&briefs](const DirRecord::Brief&) { ++briefs; });
  require(briefs == record->count());
  for (const auto& entry : contents.entries) {
    const auto found = record->find(entry.name);
    require(found && *found == entry);
  }
  // Not every record is written the shortest way; what it says must survive all the same.
  const auto again = DirRecord::open(encodeDirRecord(contents));
  require(again && again->contents() == contents);
}

}  // namespace
}  // namespace unionfs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const uint8_t options = data[0];
  std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  if ((options & 1U) != 0) {
    const uint64_t sum = unionfs::xxh64(bytes);
    bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  }
  if ((options & 2U) != 0)
    unionfs::tryContents(bytes);
  else
    unionfs::tryRecord(bytes);
  return 0;
}

// content_record.h - checksums of what the files of one directory of a sealed layer contain: its part of the manifest.
//
// Two numbers for each entry of the directory's record, in the record's order. Bytes: docs/FORMAT.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unionfs {

inline constexpr uint8_t kContentRecordVersion = 1;

struct ContentSums {
  uint64_t data = 0;    // xxh64 of a regular file's content; 0 for anything else
  uint64_t xattrs = 0;  // xxh64 over names and values, sorted by name; 0 without any
  friend bool operator==(const ContentSums&, const ContentSums&) = default;
};

struct ContentRecord {
  uint64_t ownXattrs = 0;  // of the directory itself
  std::vector<ContentSums> entries;
};

std::string encodeContentRecord(const ContentRecord& record);
// nullopt: damaged, or another version.
std::optional<ContentRecord> decodeContentRecord(std::string_view bytes);

}  // namespace unionfs

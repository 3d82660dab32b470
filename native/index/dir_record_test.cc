#include "index/dir_record.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "base/xxh64.h"
#include "index/content_record.h"
#include "testing/test.h"

namespace unionfs {
namespace {

constexpr RecordTime kNoon{1'700'000'000, 123'456'789};

RecordedEntry file(std::string name, uint64_t ino, uint32_t mode = S_IFREG | 0644U) {
  RecordedEntry entry;
  entry.name = std::move(name);
  entry.ino = ino;
  entry.type = static_cast<uint8_t>(mode >> 12U);
  entry.attr.mode = mode;
  entry.attr.size = 5;
  entry.attr.blocks = 8;
  entry.attr.mtime = {1'600'000'000, 0};
  entry.attr.ctime = {1'700'000'001, 1};
  entry.attr.atime = entry.attr.ctime;
  entry.attr.btime = entry.attr.ctime;
  return entry;
}

RecordHead head(bool full) {
  RecordHead head;
  head.full = full;
  head.ino = 1000;
  head.mtime = head.ctime = kNoon;
  return head;
}

// What the golden vectors are made of; test/golden/README.md describes it.
DirRecordContents goldenFull() {
  DirRecordContents contents{head(true), {}};
  contents.head.opaque = true;
  contents.head.hasXattrs = true;
  contents.head.attributesMask = 0x203870;
  contents.entries.push_back(file("alpha", 1001));
  RecordedEntry tool = file("alphabet", 1002, S_IFREG | 04755U);
  tool.attr.size = 70000;
  tool.attr.blocks = 16;
  tool.attr.nlink = 3;
  tool.attr.uid = 1000;
  tool.attr.gid = 100;
  tool.attr.hasXattrs = tool.attr.hasAcl = tool.attr.hasCapability = true;
  tool.attr.attributes = 0x20;
  tool.attr.btime.reset();
  contents.entries.push_back(tool);
  RecordedEntry link = file("link", 999, S_IFLNK | 0777U);
  link.attr.blocks = 0;
  link.target = "alpha";
  contents.entries.push_back(link);
  RecordedEntry gone = file("gone", 1003, S_IFCHR);
  gone.whiteout = true;
  gone.attr.blocks = 0;
  contents.entries.push_back(gone);
  RecordedEntry ancient = file("zero", 1004);
  ancient.attr.mtime = {-9'000'000'000, 999'999'999};
  contents.entries.push_back(ancient);
  return contents;
}

DirRecordContents goldenPlain() {
  DirRecordContents contents{head(false), {}};
  contents.head.redirected = contents.head.holdsWhiteoutFiles = true;
  for (const char* name : {".wh.old", "sub", "sub2"}) {
    RecordedEntry entry;
    entry.name = name;
    entry.ino = 2000 + contents.entries.size();
    entry.type = name[0] == 's' ? DT_DIR : DT_REG;
    contents.entries.push_back(entry);
  }
  return contents;
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    out += kDigits[static_cast<uint8_t>(byte) >> 4U];
    out += kDigits[static_cast<uint8_t>(byte) & 15U];
  }
  return out;
}

// "name: hex" lines of test/golden/dir-record.txt.
std::map<std::string, std::string> goldenVectors() {
  std::map<std::string, std::string> vectors;
  for (const char* root : {"..", "."}) {
    std::ifstream in(std::filesystem::path(root) / "test/golden/dir-record.txt");
    for (std::string name, bytes; in >> name >> bytes;) vectors[name] = bytes;
  }
  return vectors;
}

DirRecordContents sorted(DirRecordContents contents) {
  std::ranges::sort(contents.entries, {}, &RecordedEntry::name);
  return contents;
}

DirRecordContents randomContents(std::mt19937_64& random, size_t count, bool full) {
  const auto below = [&random](uint64_t limit) { return random() % limit; };
  DirRecordContents contents{head(full), {}};
  contents.head.ino = random();
  contents.head.partsElsewhere = full && below(2) == 0;
  std::map<std::string, bool> names;
  while (names.size() < count) {
    std::string name;
    for (size_t i = below(below(20) == 0 ? 255 : 12) + 1; i > 0; --i) name += static_cast<char>('a' + below(3));
    names[name] = true;
  }
  constexpr uint32_t kTypes[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK};
  for (const auto& [name, unused] : names) {
    const uint32_t mode = kTypes[below(7)] | static_cast<uint32_t>(below(07777));
    RecordedEntry entry;
    entry.name = name;
    entry.ino = random();
    entry.type = static_cast<uint8_t>(mode >> 12U);
    entry.whiteout = below(5) == 0;
    if (full) {
      entry.attr.mode = mode;
      entry.attr.size = random() >> below(64);
      entry.attr.blocks = random() >> below(64);
      entry.attr.nlink = static_cast<uint32_t>(below(3));
      entry.attr.uid = static_cast<uint32_t>(random());
      if (S_ISCHR(mode) || S_ISBLK(mode)) entry.attr.rdev = random();
      entry.attr.attributes = below(2) == 0 ? 0 : random();
      entry.attr.hasXattrs = below(2) == 0;
      const auto time = [&]() {
        return RecordTime{static_cast<int64_t>(random()) >> below(64), static_cast<uint32_t>(below(1'000'000'000))};
      };
      entry.attr.atime = time();
      entry.attr.mtime = time();
      entry.attr.ctime = time();
      if (below(2) == 0) entry.attr.btime = time();
      if (S_ISLNK(mode)) entry.target = std::string(below(256), 't');
    }
    contents.entries.push_back(entry);
  }
  return contents;
}

TEST("a record gives back what it was made of") {
  std::mt19937_64 random(7);
  for (size_t count : {0, 1, 2, 15, 16, 17, 31, 32, 33, 300}) {
    for (const bool full : {false, true}) {
      const DirRecordContents contents = randomContents(random, count, full);
      const auto record = DirRecord::open(encodeDirRecord(contents));
      REQUIRE(record.has_value());
      EXPECT(record->contents() == contents);
      for (const auto& entry : contents.entries) {
        const auto found = record->find(entry.name);
        REQUIRE(found.has_value());
        EXPECT(*found == entry);
      }
      for (const char* absent : {"", "A", "zzz", "abx", "b\xff"}) EXPECT(!record->contains(absent));
      size_t seen = 0;
      record->forEachBrief([&](const DirRecord::Brief& brief) {
        EXPECT_EQ(brief.name, std::string_view(contents.entries[seen].name));
        EXPECT_EQ(brief.ino, contents.entries[seen].ino);
        EXPECT_EQ(brief.whiteout, contents.entries[seen].whiteout);
        ++seen;
      });
      EXPECT_EQ(seen, contents.entries.size());
    }
  }
}

TEST("the golden vectors of records: what was written once is read for ever, and written the same") {
  const auto vectors = goldenVectors();
  REQUIRE(vectors.size() == 3);
  EXPECT_EQ(hex(encodeDirRecord(goldenFull())), vectors.at("full"));
  EXPECT_EQ(hex(encodeDirRecord(goldenPlain())), vectors.at("plain"));
  EXPECT_EQ(hex(encodeContentRecord({7, {{1, 0}, {2, 3}}})), vectors.at("contents"));
  const auto record = DirRecord::open(encodeDirRecord(goldenFull()));
  REQUIRE(record.has_value());
  EXPECT(record->contents() == sorted(goldenFull()));
}

TEST("a record with any bit turned, or cut anywhere, is no record") {
  const std::string whole = encodeDirRecord(goldenFull());
  for (size_t at = 0; at < whole.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1U << bit));
      EXPECT(!DirRecord::open(damaged).has_value());
    }
    EXPECT(!DirRecord::open(whole.substr(0, at)).has_value());
  }
  EXPECT(!DirRecord::open(whole + '\0').has_value());
}

TEST("a record of another version is recognised and not read, though its checksum is right") {
  std::string other = encodeDirRecord(goldenPlain());
  other[0] = kDirRecordVersion + 1;
  other.resize(other.size() - 8);
  const uint64_t sum = xxh64(other);
  other.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  EXPECT(!DirRecord::open(other).has_value());
}

TEST("content sums give back what they were made of, and damage is seen") {
  const ContentRecord record{5, {{1, 2}, {0, 0}, {UINT64_MAX, 9}}};
  const std::string bytes = encodeContentRecord(record);
  const auto back = decodeContentRecord(bytes);
  REQUIRE(back.has_value());
  EXPECT_EQ(back->ownXattrs, record.ownXattrs);
  EXPECT(back->entries == record.entries);
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    EXPECT(!decodeContentRecord(damaged).has_value());
    EXPECT(!decodeContentRecord(bytes.substr(0, at)).has_value());
  }
}

}  // namespace
}  // namespace unionfs

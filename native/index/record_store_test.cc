#include "index/record_store.h"

#include <dirent.h>

#include "testing/test.h"

namespace unionfs {
namespace {

std::string recordOf(uint64_t ino, bool full = false, size_t names = 1) {
  DirRecordContents contents;
  contents.head.ino = ino;
  contents.head.full = full;
  for (size_t i = 0; i < names; ++i) {
    RecordedEntry entry;
    entry.name = "name" + std::to_string(i);
    entry.type = DT_REG;
    entry.attr.mode = 0100644;
    contents.entries.push_back(entry);
  }
  return encodeDirRecord(contents);
}

TEST("a store gives a record by layer and inode number, and none before it is told how far to trust the layer") {
  RecordStore store(2);
  EXPECT(store.add(1, recordOf(7)));
  EXPECT(store.find(1, 7) == nullptr);
  store.setTrust(1, LayerTrust::checked);
  REQUIRE(store.find(1, 7) != nullptr);
  EXPECT(store.find(1, 7)->contains("name0"));
  EXPECT(store.find(1, 8) == nullptr);
  EXPECT(store.find(0, 7) == nullptr);
  EXPECT(store.find(9, 7) == nullptr);
}

TEST("a sealed layer takes no record without attributes") {
  RecordStore store(1);
  store.setTrust(0, LayerTrust::sealed);
  EXPECT(!store.add(0, recordOf(1)));
  EXPECT(store.add(0, recordOf(2, true)));
}

TEST("a store stays within its memory, and says what it left out") {
  RecordStore store(1, {.recordBytes = 20000});
  store.setTrust(0, LayerTrust::checked);
  for (uint64_t ino = 1; ino <= 100; ++ino) store.add(0, recordOf(ino, false, 50));
  const RecordStats stats = store.stats();
  EXPECT(stats.bytes <= 20000);
  EXPECT(stats.records > 5);
  EXPECT_EQ(stats.records + stats.rejected, uint64_t{100});
}

TEST("damaged records are rejected and counted") {
  RecordStore store(1);
  store.setTrust(0, LayerTrust::checked);
  EXPECT(!store.add(0, "no record"));
  EXPECT(!store.add(5, recordOf(1)));
  EXPECT_EQ(store.stats().rejected, uint64_t{2});
}

TEST("each directory is claimed for learning once, and not in a sealed layer") {
  RecordStore store(2);
  EXPECT(!store.claim(0, 1));
  store.startLearning();
  EXPECT(store.claim(0, 1));
  EXPECT(!store.claim(0, 1));
  store.setTrust(1, LayerTrust::sealed);
  EXPECT(!store.claim(1, 1));
}

TEST("learned records that nobody takes are bounded") {
  RecordStore store(1, {.learnedBytes = 1000});
  for (int i = 0; i < 10; ++i) store.learn({0, "path", std::string(200, 'x')});
  EXPECT_EQ(store.stats().forgotten, uint64_t{7});
  EXPECT_EQ(store.takeLearned().size(), size_t{3});
  EXPECT(store.takeLearned().empty());
  store.learn({0, "path", "again"});
  EXPECT_EQ(store.takeLearned().size(), size_t{1});
}

}  // namespace
}  // namespace unionfs

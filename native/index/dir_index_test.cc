#include "index/dir_index.h"

#include <dirent.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "testing/test.h"

namespace unionfs {
namespace {

// "NAME file in 0 upper lower": what is shown, of which layers, and the facts besides. Sorted by name.
std::string describe(const DirIndex& index, const IndexEntry& entry) {
  std::string text(index.nameOf(entry));
  text += !entry.visible() ? " hidden" : entry.type == DT_DIR ? " dir in " : " file in ";
  if (entry.visible()) {
    for (const uint16_t layer : index.layersOf(entry)) text += (text.back() == ' ' ? "" : "+") + std::to_string(layer);
  }
  if (entry.has(IndexEntry::kInUpper)) text += " upper";
  if (entry.has(IndexEntry::kInLower)) text += " lower";
  if (entry.has(IndexEntry::kUpperWhiteoutDevice)) text += " device";
  if (entry.has(IndexEntry::kUpperWhiteoutFile)) text += " whfile";
  return text;
}

std::string dump(const DirIndex& index) {
  std::set<std::string> lines;
  for (const IndexEntry* entry = index.after(0); entry != nullptr; entry = index.after(entry->cookie))
    lines.insert(describe(index, *entry));
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

IndexEntry inUpper(uint8_t type = DT_REG) {
  IndexEntry facts;
  facts.type = type;
  facts.flags = IndexEntry::kInUpper;
  return facts;
}

// A layer written as "f d/ !gone .wh.old": files, directories, whiteout devices, whiteout files.
void addLayer(DirIndexBuilder& builder, uint16_t layer, std::string_view names) {
  builder.beginLayer(layer, layer == 0);
  uint64_t ino = layer * 100U + 1;
  while (!names.empty()) {
    std::string_view name = names.substr(0, names.find(' '));
    names.remove_prefix(std::min(names.size(), name.size() + 1));
    if (name.starts_with("!"))
      builder.addWhiteoutDevice(name.substr(1));
    else if (name.starts_with(".wh."))
      builder.addWhiteoutFile(name.substr(4));
    else if (name.ends_with("/"))
      builder.add(name.substr(0, name.size() - 1), DT_DIR, ino++);
    else
      builder.add(name, DT_REG, ino++);
  }
}

// Layer 0 is the upper.
DirIndex merge(std::initializer_list<std::string_view> layers) {
  DirIndexBuilder builder(layers.size());
  uint16_t layer = 0;
  for (const auto names : layers) addLayer(builder, layer++, names);
  return builder.finish();
}

TEST("an upper file shows over a lower one and remembers it") {
  EXPECT_EQ(dump(merge({"f u", "f l"})), "f file in 0 upper lower\nl file in 1 lower\nu file in 0 upper\n");
}

TEST("directories of one name merge until something that is none") {
  EXPECT_EQ(dump(merge({"d/", "d/", "d/"})), "d dir in 0+1+2 upper lower\n");
  EXPECT_EQ(dump(merge({"d/", "d", "d/"})), "d dir in 0 upper lower\n");
  EXPECT_EQ(dump(merge({"", "d/", "d/", "d", "d/"})), "d dir in 1+2 lower\n");
  EXPECT_EQ(dump(merge({"d", "d/"})), "d file in 0 upper lower\n");
}

TEST("a whiteout device of the upper hides, and both are known") {
  EXPECT_EQ(dump(merge({"!f !alone", "f"})), "alone hidden device\nf hidden lower device\n");
}

TEST("a whiteout of a lower hides what is below it, without a trace of its own") {
  EXPECT_EQ(dump(merge({"", "!f !d", "f d/ other"})), "other file in 2 lower\n");
  EXPECT_EQ(dump(merge({"", "d/", "!d", "d/"})), "d dir in 1 lower\n");
}

TEST("a lower's whiteout below an upper file: no lower shows the name") { EXPECT_EQ(dump(merge({"f", "!f", "f"})), "f file in 0 upper\n"); }

TEST("a whiteout file hides the layers below it but nothing of its own layer, in either order") {
  const std::string merged = "d dir in 1 lower\nf file in 1 lower\n";
  EXPECT_EQ(dump(merge({"", ".wh.f .wh.d .wh.g f d/", "f d/ g"})), merged);
  EXPECT_EQ(dump(merge({"", "f d/ .wh.g .wh.f .wh.d", "f d/ g"})), merged);
}

TEST("a whiteout file of the upper beside the name itself is remembered") {
  EXPECT_EQ(dump(merge({".wh.f f .wh.d d/ .wh.g", "f d/ g"})),
            "d dir in 0 upper lower whfile\nf file in 0 upper lower whfile\ng hidden lower whfile\n");
}

TEST("a directory of upper and lowers knows the number of its topmost lower") {
  const DirIndex index = merge({"x d/", "d/", "d/"});
  const IndexEntry* entry = index.find("d");
  REQUIRE(entry != nullptr);
  EXPECT_EQ(entry->ino, 2U);
  EXPECT_EQ(entry->lowerIno, 101U);
  EXPECT_EQ(entry->lowerTop, 1U);
}

TEST("a single upper keeps its marks, a single lower has none") {
  EXPECT_EQ(dump(merge({"f .wh.f !gone .wh.old d/"})),
            "d dir in 0 upper\nf file in 0 upper whfile\ngone hidden device\nold hidden whfile\n");
  DirIndexBuilder builder(1);
  addLayer(builder, 3, "f .wh.f !gone .wh.old");
  EXPECT_EQ(dump(builder.finish()), "f file in 3 lower\n");
}

TEST("an index with hidden names only is empty") {
  DirIndex index = merge({"!f .wh.g", "f g"});
  EXPECT(index.empty());
  index.put("f", inUpper());
  EXPECT(!index.empty());
  IndexEntry hidden;
  hidden.set(IndexEntry::kUpperWhiteoutDevice, true);
  index.put("f", hidden);
  EXPECT(index.empty());
  index.put("f", {});
  EXPECT(index.find("f") == nullptr);
}

TEST("put replaces the facts and the layers of a name") {
  DirIndex index = merge({"", "d/"});
  IndexEntry facts = inUpper(DT_DIR);
  facts.set(IndexEntry::kInLower, true);
  const uint16_t layers[] = {0, 1};
  index.put("d", facts, layers);
  EXPECT_EQ(dump(index), "d dir in 0+1 upper lower\n");
  index.put("d", inUpper());
  EXPECT_EQ(dump(index), "d file in 0 upper\n");
}

std::string nameOf(unsigned i) { return "name-" + std::to_string(i); }

DirIndex manyNames(unsigned count) {
  DirIndexBuilder builder(2);
  builder.beginLayer(1, false);
  for (unsigned i = 0; i < count; ++i) builder.add(nameOf(i), DT_REG, i + 1);
  return builder.finish();
}

std::map<std::string, uint64_t> cookies(const DirIndex& index) {
  std::map<std::string, uint64_t> all;
  for (const IndexEntry* entry = index.after(0); entry != nullptr; entry = index.after(entry->cookie)) {
    const bool added = all.emplace(index.nameOf(*entry), entry->cookie).second;
    if (!added) testing::recordFailure(__FILE__, __LINE__, "shown twice: " + std::string(index.nameOf(*entry)));
  }
  return all;
}

TEST("a cookie outlives names that come and go, and the index itself") {
  DirIndex index = manyNames(2000);
  const auto before = cookies(index);
  EXPECT_EQ(before.size(), 2000U);
  for (unsigned i = 0; i < 2000; i += 3) index.put(nameOf(i), {});
  for (unsigned i = 2000; i < 3000; ++i) index.put(nameOf(i), inUpper());
  for (unsigned i = 0; i < 2000; i += 6) index.put(nameOf(i), inUpper());
  const auto after = cookies(index);
  EXPECT_EQ(after.size(), 2000U - 667 + 1000 + 334);
  for (const auto& [name, cookie] : after) {
    if (const auto was = before.find(name); was != before.end()) EXPECT_EQ(cookie, was->second);
    EXPECT_EQ(cookie, cookieOf(name));
  }
  EXPECT(cookies(manyNames(2000)) == before);
}

TEST("a walk meets each name that stays once, whatever comes and goes meanwhile") {
  DirIndex index = manyNames(1000);
  std::map<std::string, unsigned> seen;
  unsigned next = 1000;
  uint64_t cookie = 0;
  for (unsigned step = 0; const IndexEntry* entry = index.after(cookie); ++step) {
    cookie = entry->cookie;
    ++seen[std::string(index.nameOf(*entry))];
    index.put(nameOf(next++), inUpper());
    if (step % 5 == 0) index.put(nameOf(step), {});
    if (next > 4000) break;
  }
  for (unsigned i = 0; i < 1000; ++i) {
    if (i % 5 != 0) EXPECT_EQ(seen[nameOf(i)], 1U);
  }
  for (const auto& [name, times] : seen) EXPECT_EQ(times, 1U);
}

TEST("names are found after many insertions, and absent ones are not") {
  DirIndex index = manyNames(100);
  for (unsigned i = 100; i < 1000; ++i) index.put(nameOf(i), inUpper());
  for (unsigned i = 0; i < 1000; ++i) {
    const IndexEntry* entry = index.find(nameOf(i));
    REQUIRE(entry != nullptr);
    EXPECT_EQ(index.nameOf(*entry), nameOf(i));
  }
  EXPECT(index.find("name-1000") == nullptr);
  EXPECT(index.find("") == nullptr);
}

TEST("cookies of names of every length differ and fit an offset") {
  std::set<uint64_t> seen;
  for (size_t length = 0; length <= 255; ++length) {
    for (const char fill : {'\0', 'a', 'b'}) {
      if (length == 0 && fill != 'a') continue;
      const uint64_t cookie = cookieOf(std::string(length, fill));
      EXPECT(cookie >= kFirstCookie && cookie <= uint64_t{INT64_MAX});
      EXPECT(seen.insert(cookie).second);
    }
  }
}

TEST("a hundred thousand names are indexed, found, changed and walked without a quadratic step") {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  DirIndex index = manyNames(100'000);
  for (unsigned i = 0; i < 100'000; ++i) EXPECT(index.find(nameOf(i)) != nullptr);
  for (unsigned i = 100'000; i < 120'000; ++i) index.put(nameOf(i), inUpper());
  for (unsigned i = 0; i < 20'000; ++i) index.put(nameOf(i), {});
  EXPECT_EQ(cookies(index).size(), 100'000U);
  // A quadratic step takes minutes; a sanitizer on a busy machine a second or two.
  EXPECT(Clock::now() - start < std::chrono::seconds(20));
  EXPECT(index.bytes() < 30U << 20U);
}

}  // namespace
}  // namespace unionfs

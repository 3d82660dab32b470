#include "survey/layer_walk.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "survey/compare.h"
#include "sys/creds.h"
#include "sys/tree.h"
#include "testing/layer_fixture.h"
#include "testing/test.h"

namespace unionfs {
namespace {

namespace fs = std::filesystem;
using testing::TempDir;

std::map<std::string, WalkedDirectory> walk(const fs::path& root, WalkOptions options) {
  std::map<std::string, WalkedDirectory> found;
  const auto walk = LayerWalk::open(root.string(), options);
  if (!walk.ok()) return found;
  for (auto batch = (*walk)->next(); !batch.empty(); batch = (*walk)->next()) {
    for (auto& each : batch) found[each.path] = std::move(each);
  }
  return found;
}

constexpr WalkOptions kSealing{.kind = RecordMaker::Kind::full, .contents = true};

TEST("a walk gives every directory of a layer once, also to several who ask at a time") {
  TempDir temp;
  std::string tree;
  for (int i = 0; i < 40; ++i) tree += "d" + std::to_string(i) + "/sub/file = x\n";
  testing::writeTree(temp.path(), tree);
  const auto opened = LayerWalk::open(temp.path().string(), {.kind = RecordMaker::Kind::full});
  REQUIRE(opened.ok());
  std::mutex mu;
  std::map<std::string, int> seen;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (auto batch = (*opened)->next(); !batch.empty(); batch = (*opened)->next()) {
        const std::lock_guard lock(mu);
        for (const auto& each : batch) ++seen[each.path];
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(seen.size(), size_t{81});
  EXPECT_EQ(seen[""], 1);
  EXPECT_EQ(seen["d7/sub"], 1);
}

// Makes `depth` directories inside each other and a file in the last; the path of that directory below `root`.
std::string digDown(const fs::path& root, int depth) {
  const std::string name(200, 'd');
  std::string path;
  Fd at(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < depth; ++i) {
    ::mkdirat(at.get(), name.c_str(), 0755);
    at = Fd(::openat(at.get(), name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    path += (path.empty() ? "" : "/") + name;
  }
  const Fd file(::openat(at.get(), "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
  EXPECT(at && file);
  return path;
}

TEST("directories deeper than one path can name are recorded, and a layer of them can be sealed") {
  TempDir temp;
  const std::string deepest = digDown(temp.path(), 50);  // 10 KB of path
  const auto found = walk(temp.path(), kSealing);
  EXPECT_EQ(found.size(), size_t{51});
  for (const auto& [path, directory] : found) EXPECT(directory.error == Errno(0) && !directory.record.empty());
  REQUIRE(found.contains(deepest));
  EXPECT_EQ(found.at(deepest).files, 1U);
  EXPECT(sys::removeAll({AT_FDCWD, (temp.path() / std::string(200, 'd')).c_str()}).ok());
}

TEST("a walk does not descend into another filesystem, of which nothing can be recorded") {
  TempDir temp;
  testing::writeTree(temp.path(), "sub/mount/\nsub/file =");
  std::thread([&temp] {
    // In a mount namespace of its own, and from then on without the right to clone: a clone would not show the mount.
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) SKIP("needs the right to mount");
    const fs::path place = temp.path() / "sub/mount";
    REQUIRE(::mount("none", place.c_str(), "tmpfs", 0, nullptr) == 0);
    testing::writeTree(place, "below/file =");
    REQUIRE(sys::giveUpCapability(CAP_SYS_ADMIN).ok());
    const auto found = walk(temp.path(), {.kind = RecordMaker::Kind::full});
    EXPECT_EQ(found.size(), size_t{3});
    REQUIRE(found.contains("sub/mount"));
    EXPECT(found.at("sub/mount").record.empty());
    EXPECT_EQ(found.at("sub/mount").error, Errno(0));
  }).join();
}

TEST("a cancelled walk ends early, for everybody who waits on it") {
  TempDir temp;
  testing::writeTree(temp.path(), "a/b/c/d/e = 1");
  const auto opened = LayerWalk::open(temp.path().string(), kSealing);
  REQUIRE(opened.ok());
  (*opened)->cancel();
  EXPECT((*opened)->next().empty());
}

TEST("a plain record is not made of what changed a moment ago; a full one is") {
  TempDir temp;
  testing::writeTree(temp.path(), "f = 1");
  EXPECT(walk(temp.path(), {})[""].record.empty());
  EXPECT(!walk(temp.path(), kSealing)[""].record.empty());
}

TEST("directories whose parts may lie in other layers are recorded of a sealed layer alone, and marked so") {
  TempDir temp;
  testing::writeTree(temp.path(), "copies/\nmoved/\nnew/\nopaque/\nmeta/\nmeta/m = 1\nclean/\nclean/copies = 1");
  const auto mark = [&temp](const char* path, const char* name) { return ::setxattr((temp.path() / path).c_str(), name, "y", 1, 0) == 0; };
  if (!mark("copies", "user.overlay.impure")) SKIP("needs user xattrs");
  EXPECT(mark("moved", "user.overlay.redirect") && mark("new", "user.overlay.redirect") && mark("new", "user.overlay.opaque"));
  EXPECT(mark("opaque", "user.overlay.opaque") && mark("meta/m", "user.overlay.metacopy"));
  std::this_thread::sleep_for(std::chrono::milliseconds(3100));
  const std::map<std::string, bool> elsewhere = {{"", false},     {"clean", false}, {"copies", true}, {"meta", true},
                                                 {"moved", true}, {"new", false},   {"opaque", false}};
  auto full = walk(temp.path(), kSealing), plain = walk(temp.path(), {});
  for (const auto& [path, expected] : elsewhere) {
    const auto record = DirRecord::open(full[path].record);
    REQUIRE(record.has_value());
    EXPECT_EQ(record->head().partsElsewhere, expected);
    EXPECT_EQ(plain[path].record.empty(), expected && path != "meta");  // files of a checked layer are asked
  }
}

TEST("every kind of change of a sealed directory is told, and nothing else") {
  struct Change {
    const char* sentence;
    void (*make)(const fs::path&);
  };
  const Change changes[] = {
      {"new: there, and not recorded", [](const fs::path& d) { std::ofstream(d / "new") << "x"; }},
      {"f: recorded, and not there", [](const fs::path& d) { fs::remove(d / "f"); }},
      {"f: recorded as a file, is a directory",
       [](const fs::path& d) {
         fs::remove(d / "f");
         fs::create_directory(d / "f");
       }},
      {"f: size recorded as 5, is 6", [](const fs::path& d) { std::ofstream(d / "f", std::ios::app) << "x"; }},
      {"f: mode recorded as 0644, is 0700", [](const fs::path& d) { fs::permissions(d / "f", fs::perms::owner_all); }},
      {"f: mtime recorded as 2001-09-09 01:46:40.000000007 UTC, is 2001-09-09 01:46:40.000000008 UTC",
       [](const fs::path& d) {
         const timespec times[2] = {{0, UTIME_OMIT}, {1'000'000'000, 8}};
         ::utimensat(AT_FDCWD, (d / "f").c_str(), times, 0);
       }},
      {"f: link count recorded as 1, is 2", [](const fs::path& d) { fs::create_hard_link(d / "f", d / "g"); }},
      {"f: its contents differ from the sealed ones", [](const fs::path& d) { std::ofstream(d / "f") << "other"; }},
      {"f: extended attributes recorded as no, is yes", [](const fs::path& d) { ::setxattr((d / "f").c_str(), "user.x", "1", 1, 0); }},
      {"link: target recorded as 'f', is 'elsewhere'",
       [](const fs::path& d) {
         fs::remove(d / "link");
         fs::create_symlink("elsewhere", d / "link");
       }},
      {".: parts in other layers recorded as no, is yes",
       [](const fs::path& d) { ::setxattr(d.c_str(), "user.overlay.impure", "y", 1, 0); }},
      {".: opaque recorded as no, is yes", [](const fs::path& d) { ::setxattr(d.c_str(), "user.overlay.opaque", "y", 1, 0); }},
  };
  for (const Change& change : changes) {
    TempDir temp;
    testing::writeTree(temp.path(), "f = hello\nlink -> f\nother = 1");
    ::chmod((temp.path() / "f").c_str(), 0644);
    const timespec times[2] = {{0, UTIME_OMIT}, {1'000'000'000, 7}};
    ::utimensat(AT_FDCWD, (temp.path() / "f").c_str(), times, 0);
    const WalkedDirectory before = walk(temp.path(), kSealing)[""];
    const WalkedDirectory same = walk(temp.path(), kSealing)[""];
    change.make(temp.path());
    const WalkedDirectory after = walk(temp.path(), kSealing)[""];
    const auto differences = [](const WalkedDirectory& a, const WalkedDirectory& b) {
      const auto one = DirRecord::open(a.record), two = DirRecord::open(b.record);
      const auto sums = decodeContentRecord(a.contents), otherSums = decodeContentRecord(b.contents);
      if (!one || !two || !sums || !otherSums) return std::vector<std::string>{"damaged"};
      auto all = compareRecords(one->contents(), two->contents());
      for (auto& each : compareContents(one->contents(), *sums, two->contents(), *otherSums)) all.push_back(each);
      return all;
    };
    EXPECT(differences(before, same).empty());
    EXPECT(before.digest == same.digest);
    bool told = false;
    for (const auto& difference : differences(before, after)) {
      told |= difference.starts_with(change.sentence);
      EXPECT(difference.find("other:") == std::string::npos);
    }
    if (!told) testing::recordFailure(__FILE__, __LINE__, std::string("not told: ") + change.sentence);
  }
}

TEST("contents that rot with the times and sizes they had are found, and change the digest") {
  TempDir temp;
  testing::writeTree(temp.path(), "f = hello");
  const WalkedDirectory before = walk(temp.path(), kSealing)[""];
  std::ofstream(temp.path() / "f") << "hellp";
  const WalkedDirectory after = walk(temp.path(), kSealing)[""];
  EXPECT(before.digest != after.digest);
}

}  // namespace
}  // namespace unionfs

#include "layer/workdir.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "sys/fault.h"
#include "sys/open.h"
#include "sys/tree.h"
#include "testing/layer_fixture.h"
#include "testing/test.h"

namespace fs = std::filesystem;

namespace unionfs {
namespace {

using testing::TempDir;
using testing::writeTree;

constexpr const char* kNoMarkers = "needs the right to make devices and trusted xattrs";

// An upper and its work directory.
class Bench {
 public:
  Bench() { EXPECT(writeTree(temp_.path(), "upper/\nwork/")); }

  [[nodiscard]] fs::path upperPath() const { return temp_.path() / "upper"; }
  [[nodiscard]] fs::path workPath() const { return temp_.path() / "work"; }
  [[nodiscard]] Result<std::unique_ptr<WorkDir>> open() const {
    TRY_ASSIGN(const auto upper, Layer::open(upperPath().string(), false));
    return WorkDir::open(workPath().string(), *upper);
  }
  // One that writes this form: the probe for the other is denied a call until the form comes out.
  [[nodiscard]] std::unique_ptr<WorkDir> openWith(WhiteoutForm form) const {
    constexpr uint64_t kProbes = 20;
    for (uint64_t at = form == WhiteoutForm::file ? 1 : 0; at <= kProbes; ++at) {
      fs::remove_all(workPath() / "work");
      fault::arm({.effect = at == 0 ? fault::Effect::none : fault::Effect::fail, .at = at, .error = EPERM});
      auto work = open();
      fault::disarm();
      if (work.ok() && (*work)->features().whiteout == form && (*work)->features().xattrs == marker::XattrSpace::trusted)
        return std::move(*work);
    }
    return nullptr;
  }
  // What is staged, without the shared whiteout.
  [[nodiscard]] std::string staged() const {
    std::string names;
    for (const auto& entry : fs::directory_iterator(workPath() / "work")) {
      if (!fs::is_character_file(entry.symlink_status())) names += entry.path().filename().string() + "\n";
    }
    return names;
  }

 private:
  TempDir temp_;
};

TEST("the directory that is written is locked, wherever its path leads by then") {
  const Bench bench;
  const auto upper = Layer::open(bench.upperPath().string(), false);
  REQUIRE(upper.ok());
  const fs::path moved = bench.workPath() / "moved";
  fs::rename(bench.upperPath(), moved);
  fs::create_directory(bench.upperPath());
  const auto work = WorkDir::open(bench.workPath().string(), **upper);
  REQUIRE(work.ok());
  const auto lock = [](const fs::path& path) {
    const auto fd = sys::openPath(path.string(), O_RDONLY | O_DIRECTORY);
    return fd.ok() ? sys::lockExclusive(fd->get()) : Status(fd.error());
  };
  EXPECT(lock(moved).failsWith(EWOULDBLOCK));
  EXPECT(lock(bench.upperPath()).ok());
}

TEST("a work directory that nobody used is left empty") {
  const Bench bench;
  EXPECT(bench.open().ok());
  EXPECT(fs::is_empty(bench.workPath() / "work"));
}

TEST("opening sweeps WORKDIR/work, and nothing else") {
  const Bench bench;
  EXPECT(writeTree(
      bench.workPath(),
      "work/\nwork/#1 = x\nwork/#2/\nwork/#2/deep/\nwork/#2/deep/f = y\nwork/link -> ../keep\nkeep = mine\nindex/\nindex/00fb = z"));
  const auto work = bench.open();
  REQUIRE(work.ok());
  EXPECT_EQ(bench.staged(), "");
  fs::remove_all(bench.workPath() / "work");
  EXPECT_EQ(testing::dumpTree(bench.workPath()), "index/\nindex/00fb = z\nkeep = mine\n");
}

TEST("the directory of staged objects is its owner's alone") {
  const Bench bench;
  const auto work = bench.open();
  REQUIRE(work.ok());
  EXPECT_EQ(sys::stat({(*work)->directory().get(), ""})->mode & 07777U, 0700U);
}

TEST("a second mount of upper or work directory is busy until the first is gone") {
  const Bench bench;
  auto first = bench.open();
  REQUIRE(first.ok());
  EXPECT(bench.open().failsWith(EBUSY));
  first->reset();
  EXPECT(bench.open().ok());
}

TEST("an unclean volatile mount is refused, a cleaned one is not") {
  const Bench bench;
  {
    const auto work = bench.open();
    REQUIRE(work.ok());
    EXPECT((*work)->markVolatile().ok());
    EXPECT((*work)->markVolatile().ok());
    EXPECT(fs::is_directory(bench.workPath() / "work/incompat/volatile"));
  }
  EXPECT(bench.open().failsWith(EUCLEAN));
  EXPECT(fs::is_directory(bench.workPath() / "work/incompat/volatile"));
  fs::remove_all(bench.workPath() / "work/incompat");
  {
    const auto work = bench.open();
    REQUIRE(work.ok());
    EXPECT((*work)->markVolatile().ok());
    EXPECT((*work)->clearVolatile().ok());
  }
  EXPECT(bench.open().ok());
}

TEST("asked for whiteout files, a work directory makes no device, whatever the upper can") {
  const Bench bench;
  const auto upper = Layer::open(bench.upperPath().string(), false);
  REQUIRE(upper.ok());
  const auto work = WorkDir::open(bench.workPath().string(), **upper, true);
  REQUIRE(work.ok());
  EXPECT((*work)->features().whiteout == WhiteoutForm::file);
  EXPECT((*work)->whiteoutAbsent({(*upper)->root(), "gone"}).ok());
  EXPECT_EQ(testing::dumpTree(bench.upperPath()), ".wh.gone = \n");
  EXPECT(fs::is_empty(bench.workPath() / "work"));
}

TEST("where whiteouts are files, an opaque directory says so by xattr and by file; elsewhere by xattr alone") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  for (const auto form : {WhiteoutForm::file, WhiteoutForm::device}) {
    const Bench bench;
    EXPECT(writeTree(bench.upperPath(), "d/"));
    const auto work = bench.openWith(form);
    REQUIRE(work);
    const auto dir = sys::openPath((bench.upperPath() / "d").string(), O_RDONLY | O_DIRECTORY);
    REQUIRE(dir.ok());
    EXPECT(work->setOpaque(dir->get()).ok());
    EXPECT_EQ(testing::dumpTree(bench.upperPath()), form == WhiteoutForm::file ? "d/ opaque\nd/.wh..wh..opq = \n" : "d/ opaque\n");
  }
}

TEST("what is created where another program left a whiteout device and a whiteout file takes both away") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  for (const bool isDir : {false, true}) {
    const Bench bench;
    EXPECT(writeTree(bench.upperPath(), "a whiteout\n.wh.a = \nb whiteout\n.wh.b = \nfrom/"));
    const auto work = bench.openWith(WhiteoutForm::device);
    REQUIRE(work);
    const auto upper = sys::openPath(bench.upperPath().string(), O_RDONLY | O_DIRECTORY);
    REQUIRE(upper.ok());
    EXPECT(writeTree(bench.workPath() / "work", isDir ? "new/" : "new = text"));
    EXPECT(work->publish("new", {upper->get(), "a"}, UpperName::whiteoutDevice, isDir).ok());
    EXPECT(work->renamePlain({upper->get(), "from"}, {upper->get(), "b"}, UpperName::whiteoutDevice, true).ok());
    EXPECT_EQ(testing::dumpTree(bench.upperPath()), isDir ? "a/\nb/\n" : "a = text\nb/\n");
  }
}

TEST("names of staged objects are never given twice") {
  const Bench bench;
  const auto work = bench.open();
  REQUIRE(work.ok());
  const std::string first = (*work)->newName();
  EXPECT(first.starts_with("#"));
  EXPECT((*work)->newName() != first);
}

// Runs one change on an upper, in one form of whiteouts. Gives the upper afterwards.
using Change = Status (*)(WorkDir&, int upper);

std::string changed(WhiteoutForm form, std::string_view before, Change change) {
  const Bench bench;
  EXPECT(writeTree(bench.upperPath(), before));
  const auto work = bench.openWith(form);
  if (!work) return "cannot be opened";
  const auto upper = sys::openPath(bench.upperPath().string(), O_RDONLY | O_DIRECTORY);
  const Status done = change(*work, upper->get());
  if (!done.ok()) return "errno " + std::to_string(done.error().value());
  EXPECT_EQ(bench.staged(), "");
  return testing::dumpTree(bench.upperPath());
}

struct Row {
  const char* what;
  const char* before;
  Change change;
  const char* withDevices;
  const char* withFiles;
};

// A staged file or directory, as a create or copy-up makes it.
std::string stage(WorkDir& work, bool isDir) {
  const std::string name = work.newName();
  EXPECT((isDir ? sys::mkdir(work.at(name), 0755) : sys::mknod(work.at(name), S_IFREG | 0644, 0)).ok());
  return name;
}
Status publishFile(WorkDir& work, int upper, UpperName was) { return work.publish(stage(work, false), {upper, "n"}, was, false); }
Status publishDir(WorkDir& work, int upper, UpperName was) { return work.publish(stage(work, true), {upper, "n"}, was, true); }
Status publishTemporary(WorkDir& work, int upper, UpperName was) {
  TRY_ASSIGN(const Fd file, sys::openTemporary(work.directory().get(), O_RDWR, 0644));
  return work.publishTemporary(file.get(), {upper, "n"}, was);
}

// clang-format off
const Row kRows[] = {
    {"whiteoutAbsent hides a lower's name", "",
     [](WorkDir& w, int u) { return w.whiteoutAbsent({u, "n"}); }, "n whiteout\n", ".wh.n = \n"},
    {"whiteoutFile replaces a file", "n = x",
     [](WorkDir& w, int u) { return w.whiteoutFile({u, "n"}); }, "n whiteout\n", ".wh.n = \n"},
    {"whiteoutFile replaces a symlink", "n -> x",
     [](WorkDir& w, int u) { return w.whiteoutFile({u, "n"}); }, "n whiteout\n", ".wh.n = \n"},
    {"whiteoutDir replaces a directory with markers", "n/\nn/a whiteout\nn/.wh.b =",
     [](WorkDir& w, int u) { return w.whiteoutDir({u, "n"}); }, "n whiteout\n", ".wh.n = \n"},
    {"removeDir removes an empty directory", "n/",
     [](WorkDir& w, int u) { return w.removeDir({u, "n"}); }, "", ""},
    {"removeDir removes a directory with markers", "n/\nn/a whiteout\nn/.wh.b =",
     [](WorkDir& w, int u) { return w.removeDir({u, "n"}); }, "", ""},

    {"publish puts a file where nothing is", "",
     [](WorkDir& w, int u) { return publishFile(w, u, UpperName::absent); }, "n = \n", "n = \n"},
    {"publish replaces a whiteout device by a file", "n whiteout",
     [](WorkDir& w, int u) { return publishFile(w, u, UpperName::whiteoutDevice); }, "n = \n", "n = \n"},
    {"publish replaces a whiteout file by a file", ".wh.n =",
     [](WorkDir& w, int u) { return publishFile(w, u, UpperName::whiteoutFile); }, "n = \n", "n = \n"},
    {"publish puts a directory where nothing is", "",
     [](WorkDir& w, int u) { return publishDir(w, u, UpperName::absent); }, "n/\n", "n/\n"},
    {"publish replaces a whiteout device by a directory", "n whiteout",
     [](WorkDir& w, int u) { return publishDir(w, u, UpperName::whiteoutDevice); }, "n/\n", "n/\n"},
    {"publish replaces a whiteout file by a directory", ".wh.n =",
     [](WorkDir& w, int u) { return publishDir(w, u, UpperName::whiteoutFile); }, "n/\n", "n/\n"},
    {"publishTemporary gives a name", "",
     [](WorkDir& w, int u) { return publishTemporary(w, u, UpperName::absent); }, "n = \n", "n = \n"},
    {"publishTemporary replaces a whiteout device", "n whiteout",
     [](WorkDir& w, int u) { return publishTemporary(w, u, UpperName::whiteoutDevice); }, "n = \n", "n = \n"},
    {"publishTemporary replaces a whiteout file", ".wh.n =",
     [](WorkDir& w, int u) { return publishTemporary(w, u, UpperName::whiteoutFile); }, "n = \n", "n = \n"},
    {"publishTemporary does not replace what is there", "n = x",
     [](WorkDir& w, int u) { return publishTemporary(w, u, UpperName::absent); }, "errno 17", "errno 17"},

    {"renameLeavingWhiteout of a file", "a = x",
     [](WorkDir& w, int u) { return w.renameLeavingWhiteout({u, "a"}, {u, "b"}, UpperName::absent, false); }, "a whiteout\nb = x\n", ".wh.a = \nb = x\n"},
    {"renameLeavingWhiteout over a file", "a = x\nb = y",
     [](WorkDir& w, int u) { return w.renameLeavingWhiteout({u, "a"}, {u, "b"}, UpperName::present, false); }, "a whiteout\nb = x\n", ".wh.a = \nb = x\n"},
    {"renameLeavingWhiteout over a whiteout device", "a = x\nb whiteout",
     [](WorkDir& w, int u) { return w.renameLeavingWhiteout({u, "a"}, {u, "b"}, UpperName::whiteoutDevice, false); }, "a whiteout\nb = x\n", ".wh.a = \nb = x\n"},
    {"renameLeavingWhiteout over a whiteout file", "a = x\n.wh.b =",
     [](WorkDir& w, int u) { return w.renameLeavingWhiteout({u, "a"}, {u, "b"}, UpperName::whiteoutFile, false); }, "a whiteout\nb = x\n", ".wh.a = \nb = x\n"},
    {"renameLeavingWhiteout of a directory", "a/\na/f = x",
     [](WorkDir& w, int u) { return w.renameLeavingWhiteout({u, "a"}, {u, "b"}, UpperName::absent, true); }, "a whiteout\nb/\nb/f = x\n", ".wh.a = \nb/\nb/f = x\n"},
    {"renameLeavingWhiteout of a directory over a whiteout device", "a/\na/f = x\nb whiteout",
     [](WorkDir& w, int u) { return w.renameLeavingWhiteout({u, "a"}, {u, "b"}, UpperName::whiteoutDevice, true); }, "a whiteout\nb/\nb/f = x\n", ".wh.a = \nb/\nb/f = x\n"},
    {"renamePlain of a file", "a = x",
     [](WorkDir& w, int u) { return w.renamePlain({u, "a"}, {u, "b"}, UpperName::absent, false); }, "b = x\n", "b = x\n"},
    {"renamePlain over a whiteout device", "a = x\nb whiteout",
     [](WorkDir& w, int u) { return w.renamePlain({u, "a"}, {u, "b"}, UpperName::whiteoutDevice, false); }, "b = x\n", "b = x\n"},
    {"renamePlain over a whiteout file", "a = x\n.wh.b =",
     [](WorkDir& w, int u) { return w.renamePlain({u, "a"}, {u, "b"}, UpperName::whiteoutFile, false); }, "b = x\n", "b = x\n"},
    {"renamePlain of a directory over a whiteout device", "a/\na/f = x\nb whiteout",
     [](WorkDir& w, int u) { return w.renamePlain({u, "a"}, {u, "b"}, UpperName::whiteoutDevice, true); }, "b/\nb/f = x\n", "b/\nb/f = x\n"},
    {"renamePlain of a directory over an empty one", "a/\na/f = x\nb/",
     [](WorkDir& w, int u) { return w.renamePlain({u, "a"}, {u, "b"}, UpperName::present, true); }, "b/\nb/f = x\n", "b/\nb/f = x\n"},
    {"renamePlain of a directory over one with markers", "a/\nb/\nb/f whiteout",
     [](WorkDir& w, int u) { return w.renamePlain({u, "a"}, {u, "b"}, UpperName::present, true); }, "errno 39", "errno 39"},
};
// clang-format on

TEST("each change of the upper ends as written, with whiteout devices and with whiteout files, and stages nothing for long") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  for (const Row& row : kRows) {
    const std::string devices = changed(WhiteoutForm::device, row.before, row.change);
    const std::string files = changed(WhiteoutForm::file, row.before, row.change);
    if (devices != row.withDevices) testing::recordFailure(__FILE__, __LINE__, std::string(row.what) + " (devices):\n" + devices);
    if (files != row.withFiles) testing::recordFailure(__FILE__, __LINE__, std::string(row.what) + " (files):\n" + files);
  }
}

TEST("whiteouts share one inode") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  const Bench bench;
  const auto work = bench.open();
  REQUIRE(work.ok());
  const auto upper = sys::openPath(bench.upperPath().string(), O_RDONLY | O_DIRECTORY);
  EXPECT((*work)->whiteoutAbsent({upper->get(), "a"}).ok());
  EXPECT((*work)->whiteoutAbsent({upper->get(), "b"}).ok());
  EXPECT_EQ(sys::stat({upper->get(), "a"})->ino, sys::stat({upper->get(), "b"})->ino);
}

TEST("a shared whiteout somebody removed is made anew") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  const Bench bench;
  const auto work = bench.open();
  REQUIRE(work.ok());
  for (const auto& entry : fs::directory_iterator(bench.workPath() / "work")) fs::remove(entry.path());
  const auto upper = sys::openPath(bench.upperPath().string(), O_RDONLY | O_DIRECTORY);
  EXPECT((*work)->whiteoutAbsent({upper->get(), "a"}).ok());
  EXPECT_EQ(testing::dumpTree(bench.upperPath()), "a whiteout\n");
}

TEST("an upper that refuses a probe gets the next best form") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  bool noTrusted = false, noTemporary = false, noDevice = false;
  for (uint64_t at = 1; at <= 20; ++at) {
    const Bench bench;
    fault::arm({.effect = fault::Effect::fail, .at = at, .error = EPERM});
    const auto work = bench.open();
    fault::disarm();
    if (!work.ok()) continue;
    const WorkDir::Features& features = (*work)->features();
    noTrusted |= features.xattrs == marker::XattrSpace::user;
    noTemporary |= !features.tmpfile;
    noDevice |= features.whiteout == WhiteoutForm::file;
  }
  EXPECT(noTrusted);
  EXPECT(noTemporary);
  EXPECT(noDevice);
}

}  // namespace
}  // namespace unionfs

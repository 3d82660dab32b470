#include "layer/marker.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <filesystem>

#include "sys/open.h"
#include "sys/xattr.h"
#include "testing/layer_fixture.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using marker::XattrSpace;
using testing::TempDir;

constexpr const char* kNoMarkers = "needs the right to make devices and trusted xattrs";

Fd openDir(const std::filesystem::path& path) {
  auto fd = sys::openPath(path.string(), O_RDONLY | O_DIRECTORY);
  return fd.ok() ? std::move(*fd) : Fd();
}

// "opaque whiteouts impure" of a directory with one xattr.
std::string marksOf(const char* xattr, std::string_view value) {
  const TempDir temp;
  if (::setxattr(temp.path().c_str(), xattr, value.data(), value.size(), 0) != 0) return "cannot be set";
  const Fd dir = openDir(temp.path());
  const auto marks = marker::readDirMarks(dir.get());
  if (!marks.ok()) return "unreadable";
  return std::string(marks->opaque ? "opaque " : "") + (marks->mayHoldXattrWhiteouts ? "whiteouts " : "") +
         (marks->impure ? "impure " : "");
}

TEST("every dialect's opaque xattr is read, by its first byte") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque", "user.fuseoverlayfs.opaque"}) {
    EXPECT_EQ(marksOf(name, "y"), "opaque ");
    EXPECT_EQ(marksOf(name, "yes"), "opaque ");
    EXPECT_EQ(marksOf(name, "x"), "whiteouts ");
    EXPECT_EQ(marksOf(name, "n"), "");
    EXPECT_EQ(marksOf(name, ""), "");
  }
  EXPECT_EQ(marksOf("trusted.overlay.impure", "y"), "impure ");
  EXPECT_EQ(marksOf("user.overlay.impure", "y"), "impure ");
  EXPECT_EQ(marksOf("trusted.overlay.overlay.opaque", "y"), "");
  EXPECT_EQ(marksOf("user.opaque", "y"), "");
}

TEST("an opaque file is read, through an O_PATH descriptor too") {
  const TempDir temp;
  EXPECT(testing::writeTree(temp.path(), ".wh..wh..opq ="));
  const auto path = sys::openPath(temp.path().string(), O_PATH | O_DIRECTORY);
  REQUIRE(path.ok());
  for (const Fd* fd : {&*path}) {
    const auto marks = marker::readDirMarks(fd->get());
    REQUIRE(marks.ok());
    EXPECT(marks->opaque && !marks->mayHoldXattrWhiteouts && !marks->impure);
  }
  const Fd dir = openDir(temp.path());
  EXPECT(marker::readDirMarks(dir.get())->opaque);
}

std::string xattr(const std::filesystem::path& path, const char* name) {
  std::string value(256, '\0');
  const ssize_t size = ::lgetxattr(path.c_str(), name, value.data(), value.size());
  if (size < 0) return "absent";
  value.resize(static_cast<size_t>(size));
  return value;
}

TEST("marks are written to the namespace asked for, and read back") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  for (const auto& [space, prefix] : {std::pair(XattrSpace::trusted, "trusted.overlay."), std::pair(XattrSpace::user, "user.overlay.")}) {
    const TempDir temp;
    const Fd dir = openDir(temp.path());
    EXPECT(marker::setOpaque(dir.get(), space).ok());
    EXPECT(marker::setImpure(dir.get(), space).ok());
    EXPECT_EQ(xattr(temp.path(), (std::string(prefix) + "opaque").c_str()), "y");
    EXPECT_EQ(xattr(temp.path(), (std::string(prefix) + "impure").c_str()), "y");
    const auto marks = marker::readDirMarks(dir.get());
    EXPECT(marks.ok() && marks->opaque && marks->impure);
    EXPECT_EQ(testing::dumpTree(temp.path()), "");
  }
}

TEST("without xattrs the opaque mark is the marker file, and may be there already") {
  const TempDir temp;
  const Fd dir = openDir(temp.path());
  EXPECT(marker::setOpaque(dir.get(), XattrSpace::none).ok());
  EXPECT(marker::setOpaque(dir.get(), XattrSpace::none).ok());
  EXPECT(marker::setImpure(dir.get(), XattrSpace::none).ok());
  EXPECT_EQ(testing::dumpTree(temp.path()), ".wh..wh..opq = \n");
  EXPECT(marker::readDirMarks(dir.get())->opaque);
}

TEST("a whiteout is a character device 0:0 and no other device") {
  sys::Stat stat;
  stat.mode = S_IFCHR | 0600;
  EXPECT(marker::isWhiteoutDevice(stat));
  stat.rdev = makedev(1, 3);
  EXPECT(!marker::isWhiteoutDevice(stat));
  stat.rdev = 0;
  stat.mode = S_IFBLK;
  EXPECT(!marker::isWhiteoutDevice(stat));
  stat.mode = S_IFREG;
  EXPECT(!marker::isWhiteoutDevice(stat));
}

TEST("an xattr whiteout is an empty regular file with the xattr, whatever its value") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  const TempDir temp;
  EXPECT(testing::writeTree(temp.path(), "plain =\ntrusted =\nuser =\nfull = text\ndir/"));
  const auto mark = [&temp](const char* file, const char* name, std::string_view value) {
    return ::setxattr((temp.path() / file).c_str(), name, value.data(), value.size(), 0) == 0;
  };
  EXPECT(mark("trusted", "trusted.overlay.whiteout", ""));
  EXPECT(mark("user", "user.overlay.whiteout", "y"));
  EXPECT(mark("full", "trusted.overlay.whiteout", ""));
  EXPECT(mark("dir", "trusted.overlay.whiteout", ""));
  const Fd dir = openDir(temp.path());
  const auto isOne = [&dir](const char* name) { return *marker::isXattrWhiteout({dir.get(), name}, *sys::stat({dir.get(), name})); };
  EXPECT(isOne("trusted"));
  EXPECT(isOne("user"));
  EXPECT(!isOne("plain"));
  EXPECT(!isOne("full"));
  EXPECT(!isOne("dir"));
}

TEST("whiteout file names give their victims; metadata and impossible victims give none") {
  EXPECT_EQ(marker::whiteoutFileVictim(".wh.a").value_or("none"), "a");
  EXPECT_EQ(marker::whiteoutFileVictim(".wh..hidden").value_or("none"), ".hidden");
  EXPECT_EQ(marker::whiteoutFileVictim(".wh....").value_or("none"), "...");
  EXPECT_EQ(marker::whiteoutFileVictim(".wh.wh.a").value_or("none"), "wh.a");
  for (const char* name :
       {"a", ".wh", "wh.a", ".wh.", ".wh..", ".wh...", ".wh..wh..opq", ".wh..wh.plnk", ".wh..wh.aufs", ".wh..wh.a.1f2e"}) {
    EXPECT_EQ(marker::whiteoutFileVictim(name).value_or("none"), "none");
  }
  EXPECT_EQ(marker::whiteoutFileFor("a b"), ".wh.a b");
}

TEST("all names that begin as a whiteout are reserved") {
  for (const char* name : {".wh.", ".wh.a", ".wh..wh..opq", ".wh..wh.plnk"}) EXPECT(marker::isReservedName(name));
  for (const char* name : {"", ".", ".wh", ".wha", "a.wh.b"}) EXPECT(!marker::isReservedName(name));
}

// struct ovl_fb as kernel overlayfs writes it, a field a line.
std::string golden() {
  std::string bytes;
  bytes += '\x00';                                // version
  bytes += '\xfb';                                // magic
  bytes += '\x1d';                                // length of all
  bytes += '\x00';                                // flags: little-endian
  bytes += '\x81';                                // handle type
  bytes += "0123456789abcdef";                    // uuid
  bytes += std::string("\1\2\3\0\5\6\7\xff", 8);  // handle
  return bytes;
}

TEST("an origin is encoded byte by byte as the kernel does") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  const TempDir temp;
  EXPECT(testing::writeTree(temp.path(), "f ="));
  const Fd dir = openDir(temp.path());
  const sys::FileHandle handle{0x81, std::string("\1\2\3\0\5\6\7\xff", 8)};
  EXPECT(marker::writeOrigin({dir.get(), "f"}, XattrSpace::trusted, handle, "0123456789abcdef").ok());
  EXPECT_EQ(xattr(temp.path() / "f", "trusted.overlay.origin"), golden());
  EXPECT(marker::readOrigin({dir.get(), "f"}) == handle);
}

TEST("a handle that has no room in the format is not written") {
  const TempDir temp;
  EXPECT(testing::writeTree(temp.path(), "f ="));
  const Fd dir = openDir(temp.path());
  const At file{dir.get(), "f"};
  EXPECT(marker::writeOrigin(file, XattrSpace::user, {1, std::string(235, 'x')}, std::string(16, '\0')).ok());
  EXPECT(marker::writeOrigin(file, XattrSpace::user, {256, "x"}, std::string(16, '\0')).ok());
  EXPECT(marker::writeOrigin(file, XattrSpace::user, {1, "x"}, "short").ok());
  EXPECT_EQ(xattr(temp.path() / "f", "user.overlay.origin"), "absent");
}

// What is read of a file whose origin is `value`: its handle, or "none".
std::string originRead(const std::string& value) {
  const TempDir temp;
  EXPECT(testing::writeTree(temp.path(), "f ="));
  if (::setxattr((temp.path() / "f").c_str(), "user.overlay.origin", value.data(), value.size(), 0) != 0) return "cannot be set";
  const Fd dir = openDir(temp.path());
  const auto handle = marker::readOrigin({dir.get(), "f"});
  return handle ? std::to_string(handle->type) + ":" + handle->bytes : "none";
}

std::string with(size_t at, char byte) {
  std::string value = golden();
  value[at] = byte;
  return value;
}

TEST("an origin that is cut off, alien or of the other byte order is read as none") {
  EXPECT_EQ(originRead(golden()), "129:" + golden().substr(21));
  for (size_t length = 0; length < golden().size(); ++length) EXPECT_EQ(originRead(golden().substr(0, length)), "none");
  EXPECT_EQ(originRead(golden() + "x"), "none");
  EXPECT_EQ(originRead(with(0, 1)), "none");       // version
  EXPECT_EQ(originRead(with(1, '\xfa')), "none");  // magic
  EXPECT_EQ(originRead(with(2, '\x1c')), "none");  // length
  EXPECT_EQ(originRead(with(3, 1)), "none");       // big-endian
  EXPECT(originRead(with(3, 3)) != "none");        // any-endian
}

TEST("marks are invisible, and a nested union's marks wear the escape, in every namespace") {
  for (const std::string prefix : {"trusted.overlay.", "user.overlay.", "user.fuseoverlayfs."}) {
    for (const char* mark : {"opaque", "origin", "impure", "whiteout", "redirect", "metacopy", "override_stat", "", "overlayx"}) {
      EXPECT(marker::visibleXattrName(prefix + mark) == std::nullopt);
      EXPECT_EQ(marker::storedXattrName(prefix + mark), prefix + "overlay." + mark);
      EXPECT_EQ(marker::visibleXattrName(prefix + "overlay." + mark).value_or("hidden"), prefix + mark);
    }
    EXPECT_EQ(marker::storedXattrName(prefix + "overlay.opaque"), prefix + "overlay.overlay.opaque");
    EXPECT_EQ(marker::visibleXattrName(prefix + "overlay.overlay.opaque").value_or("hidden"), prefix + "overlay.opaque");
  }
  for (const char* name : {"user.mine", "trusted.overlay", "trusted.overlayfs.x", "security.capability", "user.overlayx.opaque", ""}) {
    EXPECT_EQ(marker::storedXattrName(name), name);
    EXPECT_EQ(marker::visibleXattrName(name).value_or("hidden"), name);
  }
}

}  // namespace
}  // namespace unionfs

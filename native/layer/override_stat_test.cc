#include "layer/override_stat.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>

#include "sys/open.h"
#include "testing/layer_fixture.h"
#include "testing/test.h"

namespace fs = std::filesystem;

namespace unionfs {
namespace {

using testing::TempDir;

constexpr const char* kContainers = "user.containers.override_stat";

struct Vector {
  std::string text;
  OverrideStat stat;
};

TEST("owner, mode and type are written as fuse-overlayfs and container storage read them") {
  const std::vector<Vector> vectors = {
      {"0:0:0755", {.uid = 0, .gid = 0, .mode = 0755}},
      {"1000:100:4711", {.uid = 1000, .gid = 100, .mode = 04711}},
      {"4294967294:7:0000", {.uid = 4294967294, .gid = 7, .mode = 0}},
      {"0:0:0644:pipe", {.mode = 0644, .type = S_IFIFO}},
      {"5:6:0755:socket", {.uid = 5, .gid = 6, .mode = 0755, .type = S_IFSOCK}},
      {"0:0:0666:char-10-175", {.mode = 0666, .type = S_IFCHR, .rdev = makedev(10, 175)}},
      {"0:6:0660:block-259-3", {.gid = 6, .mode = 0660, .type = S_IFBLK, .rdev = makedev(259, 3)}},
  };
  for (const auto& [text, stat] : vectors) {
    EXPECT_EQ(encodeOverride(stat), text);
    const auto decoded = decodeOverride(text);
    REQUIRE(decoded.has_value());
    EXPECT(*decoded == stat);
  }
}

TEST("what others write is read: a mode with the type in it, types a file has anyway, more parts, an end as in C") {
  const OverrideStat plain{.uid = 7, .gid = 8, .mode = 0600};
  for (const std::string text : {"7:8:100600", "7:8:0100600", "7:8:600", "7:8:0600:file", "7:8:0600:dir", "7:8:0600:symlink",
                                 "7:8:0600:", "7:8:0600:file:more:parts", "7:8:0600:what-is-this"}) {
    const auto decoded = decodeOverride(text);
    REQUIRE(decoded.has_value());
    EXPECT(*decoded == plain);
  }
  EXPECT(decodeOverride(std::string("7:8:0600\0", 9)).value_or(OverrideStat{}) == plain);
  EXPECT_EQ(decodeOverride("7:8:0600:pipe:more").value_or(OverrideStat{}).type, static_cast<mode_t>(S_IFIFO));
}

TEST("a device without numbers, or with those of a whiteout, is none") {
  for (const char* text : {"0:0:0600:char", "0:0:0600:char-1", "0:0:0600:char10:175", "0:0:0600:block-x-y", "0:0:0600:char-0-0"})
    EXPECT_EQ(decodeOverride(text).value_or(OverrideStat{.type = 1}).type, mode_t{0});
}

TEST("a value without owner and mode is not taken for one") {
  for (const char* text : {"", ":", "0", "0:0", "0:0:", "0:0:rwx", "x:0:0644", "0:-1:0644", "99999999999:0:0644", "0 :0:0644", "0:0:0644x"})
    EXPECT(!decodeOverride(text).has_value());
}

// A directory of its own, and one file in it.
class Bench {
 public:
  Bench() {
    std::ofstream(file()) << "text";
    fs::permissions(file(), fs::perms(0644));
  }
  [[nodiscard]] fs::path root() const { return temp_.path(); }
  [[nodiscard]] fs::path file() const { return temp_.path() / "file"; }
  [[nodiscard]] bool mark(const fs::path& path, const char* name, std::string_view value) const {
    return ::lsetxattr(path.c_str(), name, value.data(), value.size(), 0) == 0;
  }
  [[nodiscard]] Overrides overrides() const {
    const auto fd = sys::openPath(root().string(), O_RDONLY | O_DIRECTORY);
    const auto found = fd.ok() ? Overrides::ofRoot(fd->get(), ::geteuid()) : Result<Overrides>(fd.error());
    EXPECT(found.ok());
    return found.ok() ? *found : Overrides();
  }
  [[nodiscard]] Result<sys::Stat> shown(const fs::path& path) const { return overrides().stat({AT_FDCWD, path.c_str()}); }

 private:
  TempDir temp_;
};

TEST("a layer keeps owners as its root says, whatever its files say") {
  const Bench bench;
  EXPECT(bench.mark(bench.file(), kContainers, "5:6:0640"));
  EXPECT(bench.overrides().kind() == OverrideKind::none);
  EXPECT(bench.mark(bench.root(), "user.fuseoverlayfs.override_stat", "0:0:0755"));
  EXPECT(bench.overrides().kind() == OverrideKind::fuseoverlayfs);
  EXPECT(bench.mark(bench.root(), kContainers, "0:0:0755"));
  EXPECT(bench.overrides().kind() == OverrideKind::containers);
  const auto shown = bench.shown(bench.file());
  REQUIRE(shown.ok());
  EXPECT_EQ(shown->uid, 5U);
  EXPECT_EQ(shown->gid, 6U);
  EXPECT_EQ(shown->mode, mode_t{S_IFREG | 0640});
}

TEST("a damaged xattr is an error, not the inode's own owner and mode") {
  const Bench bench;
  EXPECT(bench.mark(bench.root(), kContainers, "0:0:0755"));
  EXPECT(bench.mark(bench.file(), kContainers, "root"));
  EXPECT(bench.shown(bench.file()).failsWith(EINVAL));
}

TEST("only an empty regular file stands for a device") {
  const Bench bench;
  EXPECT(bench.mark(bench.root(), kContainers, "0:0:0755"));
  EXPECT(bench.mark(bench.file(), kContainers, "0:0:0600:char-1-3"));
  EXPECT(bench.shown(bench.file()).ok() && bench.shown(bench.file())->isRegular());
  fs::resize_file(bench.file(), 0);
  const auto shown = bench.shown(bench.file());
  REQUIRE(shown.ok());
  EXPECT_EQ(shown->mode, mode_t{S_IFCHR | 0600});
  EXPECT_EQ(shown->rdev, makedev(1, 3));
}

TEST("a user's word about his own file does not make it another's, nor a device") {
  if (::geteuid() != 0) SKIP("needs the right to give files away");
  const Bench bench;
  EXPECT(bench.mark(bench.root(), kContainers, "0:0:0755"));
  fs::resize_file(bench.file(), 0);
  EXPECT_EQ(::chown(bench.file().c_str(), 1234, 1234), 0);
  const auto shown = [&](std::string_view value) {
    EXPECT(bench.mark(bench.file(), kContainers, value));
    const auto stat = bench.shown(bench.file());
    return stat.ok() ? std::to_string(stat->uid) + " " + std::to_string(stat->gid) + " " + (stat->mode & S_ISUID ? "setuid" : "plain") +
                           (stat->isRegular() ? "" : " special")
                     : "error";
  };
  EXPECT_EQ(shown("0:0:4755"), "1234 1234 plain");
  EXPECT_EQ(shown("1234:0:2755"), "1234 1234 plain");
  EXPECT_EQ(shown("1234:1234:0600:char-1-3"), "1234 1234 plain");
  EXPECT_EQ(shown("1234:1234:4755"), "1234 1234 setuid");
  // The daemon's own file that others may write: they may write the xattr, too.
  EXPECT_EQ(::chown(bench.file().c_str(), 0, 0), 0);
  EXPECT_EQ(::chmod(bench.file().c_str(), 0666), 0);
  EXPECT_EQ(shown("7:8:4755"), "7 8 plain");
  EXPECT_EQ(::chmod(bench.file().c_str(), 0644), 0);
  EXPECT_EQ(shown("7:8:4755"), "7 8 setuid");
}

TEST("what is kept comes back, and the inode is open to the daemon and closed to others' writing") {
  const Bench bench;
  const std::string file = bench.file().string();
  for (const auto kind : {OverrideKind::containers, OverrideKind::fuseoverlayfs}) {
    const Overrides overrides(kind, ::geteuid());
    for (const mode_t mode : {mode_t{S_IFREG | 0000}, mode_t{S_IFREG | 06777}, mode_t{S_IFREG | 0640}}) {
      sys::Stat shown;
      shown.uid = 33;
      shown.gid = 44;
      shown.mode = mode;
      const At at{AT_FDCWD, file.c_str()};
      const auto kept = overrides.write(at, shown);
      EXPECT_EQ(kept.ok() ? 0 : kept.error().value(), 0);
      const auto back = overrides.stat(at);
      REQUIRE(back.ok());
      EXPECT_EQ(back->uid, 33U);
      EXPECT_EQ(back->gid, 44U);
      EXPECT_EQ(back->mode, mode);
      struct stat real {};
      EXPECT_EQ(::stat(bench.file().c_str(), &real), 0);
      EXPECT_EQ(real.st_uid, ::geteuid());
      EXPECT_EQ(real.st_mode & 07777U, 0600U | (mode & 0755U));
    }
  }
}

TEST("the xattr is hidden, and in layers of containers so is what the host has of security.*") {
  const Overrides containers(OverrideKind::containers, 0), other(OverrideKind::fuseoverlayfs, 0), none;
  EXPECT(!containers.visibleXattrName(kContainers));
  EXPECT(!containers.visibleXattrName("security.selinux"));
  EXPECT_EQ(containers.visibleXattrName("user.containers.override_security.capability").value_or("hidden"), "security.capability");
  for (const std::string name : {"security.capability", "user.containers.override_stat", "user.containers.override_x",
                                 "user.overlay.opaque", "trusted.overlay.origin", "user.mine", "system.posix_acl_access"}) {
    for (const Overrides& overrides : {containers, other, none})
      EXPECT_EQ(overrides.visibleXattrName(overrides.storedXattrName(name)).value_or("hidden"), name);
  }
  EXPECT_EQ(containers.storedXattrName("trusted.overlay.opaque"), "user.containers.override_trusted.overlay.opaque");
  EXPECT(!containers.visibleXattrName("trusted.overlay.overlay.opaque"));
  EXPECT(!containers.visibleXattrName("user.containers.override_user.mine"));
  EXPECT_EQ(containers.storedXattrName("security.capability"), "user.containers.override_security.capability");
  EXPECT_EQ(other.storedXattrName("security.capability"), "security.capability");
  EXPECT_EQ(none.visibleXattrName(kContainers).value_or("hidden"), kContainers);
  for (const Overrides& overrides : {containers, other, none}) {
    EXPECT(!overrides.visibleXattrName("user.fuseoverlayfs.override_stat"));
    EXPECT(!overrides.visibleXattrName("security.fuseoverlayfs.override_stat"));
  }
}

}  // namespace
}  // namespace unionfs

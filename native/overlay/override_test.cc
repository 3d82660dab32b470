// Unions whose upper is written in another way than the filesystem would: owner, mode and type in xattrs (layer/override_stat.h),
// whiteouts as files.
#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>

#include "layer/override_stat.h"
#include "overlay/acl.h"
#include "overlay/overlay.h"
#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/test.h"

namespace fs = std::filesystem;

namespace unionfs {
namespace {

using testing::LayerFixture;
using testing::MergedView;

constexpr Caller kRoot{};
constexpr const char* kContainers = "user.containers.override_stat";
constexpr const char* kPrivileged = "security.fuseoverlayfs.override_stat";

std::string xattr(const fs::path& path, const std::string& name) {
  std::string value(256, '\0');
  const ssize_t size = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
  if (size < 0) return "absent";
  value.resize(static_cast<size_t>(size));
  return value;
}
bool mark(const fs::path& path, std::string_view value, const char* name = kContainers) {
  return ::lsetxattr(path.c_str(), name, value.data(), value.size(), 0) == 0;
}

mode_t realMode(const fs::path& path) {
  struct stat stat {};
  return ::lstat(path.c_str(), &stat) == 0 ? stat.st_mode : 0;
}

std::string octal(mode_t mode) {
  std::ostringstream out;
  out << std::oct << mode;
  return out.str();
}
// "UID:GID MODE" with the type in the mode.
std::string ownerAndMode(const Attr& attr) { return std::to_string(attr.uid) + ":" + std::to_string(attr.gid) + " " + octal(attr.mode); }

AttrChange change(std::optional<uid_t> uid, std::optional<gid_t> gid, std::optional<mode_t> mode) {
  AttrChange asked;
  asked.uid = uid;
  asked.gid = gid;
  asked.mode = mode;
  return asked;
}

Caller user(uid_t uid, gid_t gid, mode_t umask = 022) {
  Caller caller;
  caller.uid = uid;
  caller.gid = gid;
  caller.umask = umask;
  return caller;
}

TEST("what is made keeps its owner and mode in the xattr, also across a mount") {
  LayerFixture layers;
  layers.lower("f = text").overrides(OverrideKind::containers);
  for (int mount = 0; mount < 2; ++mount) {
    const auto overlay = layers.open();
    REQUIRE(overlay);
    MergedView view(*overlay);
    if (mount == 0) {
      const Caller caller = user(1000, 100);
      EXPECT(overlay->mknod(caller, kRootNode, "new", {.mode = S_IFREG | 0666}).ok());
      const auto dir = overlay->mkdir(caller, kRootNode, "dir", 01777);
      REQUIRE(dir.ok());
      EXPECT(overlay->mknod(caller, kRootNode, "setuid", {.mode = S_IFREG | 04711}).ok());
      EXPECT(overlay->mknod(caller, kRootNode, "shut", {.mode = S_IFREG}).ok());
      EXPECT(overlay->symlink(caller, kRootNode, "link", "f").ok());
    }
    EXPECT_EQ(ownerAndMode(view.attr("new")), "1000:100 100644");
    EXPECT_EQ(ownerAndMode(view.attr("dir")), "1000:100 41755");
    EXPECT_EQ(ownerAndMode(view.attr("setuid")), "1000:100 104711");
    EXPECT_EQ(ownerAndMode(view.attr("shut")), "1000:100 100000");
    EXPECT_EQ(octal(view.attr("link").mode), "120777");
  }
  EXPECT_EQ(xattr(layers.upperPath() / "new", kContainers), "1000:100:0644");
  EXPECT_EQ(xattr(layers.upperPath() / "setuid", kContainers), "1000:100:4711");
  EXPECT_EQ(octal(realMode(layers.upperPath() / "setuid")), "100711");
  EXPECT_EQ(octal(realMode(layers.upperPath() / "shut")), "100600");
  EXPECT_EQ(octal(realMode(layers.upperPath() / "dir")), "40755");
  EXPECT(layers.staged().empty());
}

TEST("devices, fifos and sockets are regular files on disk and what they are in the union") {
  LayerFixture layers;
  layers.overrides(OverrideKind::containers);
  struct Special {
    const char* name;
    mode_t mode;
    dev_t rdev;
    uint8_t type;
    const char* kept;
  };
  const std::vector<Special> specials = {{"tty", S_IFCHR | 0620, makedev(5, 1), DT_CHR, "3:4:0620:char-5-1"},
                                         {"disk", S_IFBLK | 0660, makedev(8, 16), DT_BLK, "3:4:0660:block-8-16"},
                                         {"pipe", S_IFIFO | 0600, 0, DT_FIFO, "3:4:0600:pipe"},
                                         {"sock", S_IFSOCK | 0755, 0, DT_SOCK, "3:4:0755:socket"}};
  for (int mount = 0; mount < 2; ++mount) {
    const auto overlay = layers.open();
    REQUIRE(overlay);
    MergedView view(*overlay);
    for (const Special& special : specials) {
      if (mount == 0) EXPECT(overlay->mknod(user(3, 4, 0), kRootNode, special.name, {special.mode, special.rdev}).ok());
      EXPECT_EQ(octal(view.attr(special.name).mode), octal(special.mode));
      EXPECT_EQ(view.attr(special.name).rdev, special.rdev);
      EXPECT_EQ(view.list(kRootNode)[special.name].type, special.type);
      EXPECT_EQ(xattr(layers.upperPath() / special.name, kContainers), special.kept);
      EXPECT(S_ISREG(realMode(layers.upperPath() / special.name)));
    }
  }
}

TEST("a device 0:0 can neither be made nor come out of an xattr") {
  LayerFixture layers;
  layers.lower("gone = \nkept = ").overrides(OverrideKind::containers);
  EXPECT(mark(layers.lowerPath(), "0:0:0755"));
  EXPECT(mark(layers.lowerPath() / "gone", "0:0:0600:char-0-0"));
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(overlay->mknod(kRoot, kRootNode, "w", {.mode = S_IFCHR, .rdev = 0}).failsWith(EPERM));
  EXPECT_EQ(octal(view.attr("gone").mode), "100600");
  EXPECT(overlay->setattr(kRoot, view.node("gone"), change(1, 1, std::nullopt)).ok());
  EXPECT_EQ(xattr(layers.upperPath() / "gone", kContainers), "1:1:0600");
}

TEST("chown and chmod change the xattr in one step, and chown takes set-id bits and capabilities away") {
  LayerFixture layers;
  layers.overrides(OverrideKind::containers);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(overlay->mknod(kRoot, kRootNode, "f", {.mode = S_IFREG | 06755}).ok());
  const NodeId node = view.node("f");
  EXPECT(overlay->setxattr(kRoot, node, "security.capability", "caps", XattrSetMode::any, false).ok());
  EXPECT_EQ(overlay->getxattr(node, "security.capability").value(), "caps");
  const auto owned = overlay->setattr(kRoot, node, change(7, 8, std::nullopt));
  REQUIRE(owned.ok());
  EXPECT_EQ(ownerAndMode(*owned), "7:8 100755");
  EXPECT(overlay->getxattr(node, "security.capability").failsWith(ENODATA));
  const auto both = overlay->setattr(kRoot, node, change(9, std::nullopt, 02070));
  REQUIRE(both.ok());
  EXPECT_EQ(ownerAndMode(*both), "9:8 102070");
  EXPECT_EQ(xattr(layers.upperPath() / "f", kContainers), "9:8:2070");
  EXPECT_EQ(octal(realMode(layers.upperPath() / "f")), "100650");
}

TEST("a write takes set-id bits and capabilities away where they are kept") {
  LayerFixture layers;
  layers.overrides(OverrideKind::containers);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(overlay->mknod(kRoot, kRootNode, "f", {.mode = S_IFREG | 06755}).ok());
  const NodeId node = view.node("f");
  const std::string text = "text";
  const auto write = [&](bool kill) {
    return overlay->write(kRoot, node, std::as_bytes(std::span(text)), 0, {.killPrivileges = kill}).ok();
  };
  EXPECT(write(false));
  EXPECT_EQ(octal(view.attr("f").mode), "106755");
  for (int again = 0; again < 2; ++again) {
    EXPECT(overlay->setxattr(kRoot, node, "security.capability", "caps", XattrSetMode::any, false).ok());
    EXPECT(write(false));
    EXPECT(overlay->getxattr(node, "security.capability").failsWith(ENODATA));
  }
  EXPECT(write(true));
  EXPECT_EQ(octal(view.attr("f").mode), "100755");
}

TEST("in a setgid directory the group, and for directories the bit, are inherited as shown") {
  LayerFixture layers;
  layers.overrides(OverrideKind::containers);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(overlay->mkdir(kRoot, kRootNode, "d", 0755).ok());
  const NodeId dir = view.node("d");
  EXPECT(overlay->setattr(kRoot, dir, change(5, 50, 02775)).ok());
  const Caller caller = user(1000, 100, 0);
  EXPECT(overlay->mknod(caller, dir, "f", {.mode = S_IFREG | 0660}).ok());
  EXPECT(overlay->mkdir(caller, dir, "e", 0770).ok());
  EXPECT_EQ(ownerAndMode(view.attr("d/f")), "1000:50 100660");
  EXPECT_EQ(ownerAndMode(view.attr("d/e")), "1000:50 42770");
}

TEST("a copy out of a layer with xattrs takes along what is shown, and one into such an upper keeps it there") {
  if (!testing::mayMakeMarkers()) SKIP("needs the right to make devices and give files away");
  LayerFixture layers;
  layers.lower("kept/\nkept/f = text\nkept/tty = ").lower("plain/\nplain/f@4755 = text\nplain/null whiteout");
  EXPECT_EQ(::chmod((layers.lowerPath(0) / "kept/f").c_str(), 0644), 0);
  EXPECT(mark(layers.lowerPath(0), "0:0:0755"));
  EXPECT(mark(layers.lowerPath(0) / "kept", "11:12:0750"));
  EXPECT(mark(layers.lowerPath(0) / "kept/f", "13:14:4711"));
  EXPECT(mark(layers.lowerPath(0) / "kept/tty", "15:16:0620:char-5-1"));
  const fs::path plain = layers.lowerPath(1) / "plain/f";
  EXPECT_EQ(::chown(plain.c_str(), 21, 22), 0);
  EXPECT_EQ(::chmod(plain.c_str(), 04755), 0);
  const auto look = [](MergedView& view) {
    return ownerAndMode(view.attr("kept")) + "\n" + ownerAndMode(view.attr("kept/f")) + "\n" + ownerAndMode(view.attr("kept/tty")) + "\n" +
           ownerAndMode(view.attr("plain/f"));
  };
  const std::string shown = "11:12 40750\n13:14 104711\n15:16 20620\n21:22 104755";
  const auto touchAll = [](Overlay& overlay, MergedView& view) {
    AttrChange later;
    later.mtime = TimeChange{false, {1'000'000'000, 0}};
    for (const char* path : {"kept/f", "kept/tty", "plain/f"}) EXPECT(overlay.setattr(kRoot, view.node(path), later).ok());
  };
  {
    // Into an upper as any other.
    const auto overlay = layers.open();
    REQUIRE(overlay);
    MergedView view(*overlay);
    EXPECT_EQ(look(view), shown);
    touchAll(*overlay, view);
    EXPECT_EQ(look(view), shown);
    EXPECT_EQ(octal(realMode(layers.upperPath() / "kept/tty")), "20620");
    EXPECT_EQ(xattr(layers.upperPath() / "kept/f", kContainers), "absent");
  }
  fs::remove_all(layers.upperPath());
  fs::create_directory(layers.upperPath());
  layers.overrides(OverrideKind::privileged);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  touchAll(*overlay, view);
  EXPECT_EQ(look(view), shown);
  EXPECT_EQ(xattr(layers.upperPath() / "kept/f", kPrivileged), "13:14:4711");
  EXPECT_EQ(xattr(layers.upperPath() / "kept/tty", kPrivileged), "15:16:0620:char-5-1");
  EXPECT_EQ(xattr(layers.upperPath() / "plain/f", kPrivileged), "21:22:4755");
  EXPECT_EQ(octal(realMode(layers.upperPath() / "plain/f")), "100755");
  EXPECT_EQ(xattr(layers.upperPath() / "kept/f", kContainers), "absent");
}

TEST("an upper's root that does not say begins with what the first such lower shows, else with what it is") {
  LayerFixture layers;
  layers.lower("").lower("").overrides(OverrideKind::containers);
  EXPECT(mark(layers.lowerPath(1), "3:4:0711", "user.fuseoverlayfs.override_stat"));
  EXPECT(layers.open() != nullptr);
  EXPECT_EQ(xattr(layers.upperPath(), kContainers), "3:4:0711");

  LayerFixture alone;
  alone.overrides(OverrideKind::containers);
  EXPECT_EQ(::chmod(alone.upperPath().c_str(), 0751), 0);
  EXPECT(alone.open() != nullptr);
  EXPECT_EQ(xattr(alone.upperPath(), kContainers), std::to_string(::geteuid()) + ":" + std::to_string(::getegid()) + ":0751");
}

TEST("what the upper's root says counts, whatever is asked for") {
  for (const auto asked : {OverrideKind::none, OverrideKind::containers}) {
    LayerFixture layers;
    layers.upper("f = text").overrides(asked);
    EXPECT(mark(layers.upperPath(), "0:0:0755", "user.fuseoverlayfs.override_stat"));
    EXPECT(mark(layers.upperPath() / "f", "5:6:100640", "user.fuseoverlayfs.override_stat"));
    const auto overlay = layers.open();
    REQUIRE(overlay);
    MergedView view(*overlay);
    EXPECT_EQ(ownerAndMode(view.attr("f")), "5:6 100640");
    EXPECT(overlay->setattr(kRoot, view.node("f"), change(7, std::nullopt, std::nullopt)).ok());
    EXPECT_EQ(xattr(layers.upperPath() / "f", "user.fuseoverlayfs.override_stat"), "7:6:0640");
    EXPECT_EQ(xattr(layers.upperPath(), kContainers), "absent");
  }
}

TEST("owners are mapped above the xattr: it has what the layers store") {
  LayerFixture layers;
  layers.lower("f = text").overrides(OverrideKind::containers);
  EXPECT(mark(layers.lowerPath(), "0:0:0755"));
  EXPECT(mark(layers.lowerPath() / "f", "5:6:0644"));
  OverlayOptions options;
  options.owners = {.users = IdMap({{0, 100000, 1000}}, std::nullopt, 65534), .groups = IdMap({{0, 200000, 1000}}, std::nullopt, 65534)};
  const auto overlay = layers.open(options);
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT_EQ(ownerAndMode(view.attr("f")), "100005:200006 100644");
  EXPECT(overlay->setattr(kRoot, view.node("f"), change(100007, std::nullopt, std::nullopt)).ok());
  EXPECT(overlay->mknod(user(100001, 200002), kRootNode, "new", {.mode = S_IFREG | 0600}).ok());
  EXPECT_EQ(xattr(layers.upperPath() / "f", kContainers), "7:6:0644");
  EXPECT_EQ(xattr(layers.upperPath() / "new", kContainers), "1:2:0600");
  EXPECT_EQ(ownerAndMode(view.attr("f")), "100007:200006 100644");
}

TEST("names of a hard link share owner and mode; of a lower's they do so after the copy") {
  LayerFixture layers;
  layers.lower("a = text").overrides(OverrideKind::containers);
  EXPECT(mark(layers.lowerPath(), "0:0:0755"));
  EXPECT(mark(layers.lowerPath() / "a", "5:6:0644"));
  fs::create_hard_link(layers.lowerPath() / "a", layers.lowerPath() / "b");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(overlay->link(kRoot, view.node("a"), kRootNode, "c").ok());
  EXPECT(overlay->setattr(kRoot, view.node("b"), change(9, 9, 0600)).ok());
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(ownerAndMode(view.attr(name)), "9:9 100600");
  EXPECT_EQ(view.attr("c").nlink, 3U);
}

// struct posix_acl_xattr: version 2, then tag, permissions, id.
std::string makeAcl(std::initializer_list<std::array<uint32_t, 3>> entries) {
  std::string value(4, '\0');
  acl::writeLittle(value.data(), 2, 4);
  for (const auto& [tag, permissions, id] : entries) {
    std::string entry(8, '\0');
    acl::writeLittle(entry.data(), tag, 2);
    acl::writeLittle(&entry[2], permissions, 2);
    acl::writeLittle(&entry[4], id, 4);
    value += entry;
  }
  return value;
}
constexpr uint32_t kNobody = 0xffff'ffff;

TEST("an access ACL and the mode that is kept agree, and neither keeps the daemon out") {
  LayerFixture layers;
  layers.overrides(OverrideKind::containers);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(overlay->mknod(kRoot, kRootNode, "f", {.mode = S_IFREG | 0640}).ok());
  const NodeId node = view.node("f");
  const auto asked = makeAcl({{acl::kOwner, 0, kNobody},
                              {acl::kUser, 6, 5},
                              {acl::kOwningGroup, 4, kNobody},
                              {acl::kMask, 6, kNobody},
                              {acl::kOthers, 1, kNobody}});
  const auto set = overlay->setxattr(kRoot, node, acl::kAccess, asked, XattrSetMode::any, false);
  if (set.failsWith(EOPNOTSUPP)) SKIP("the filesystem of the test has no ACLs");
  EXPECT(set.ok());
  EXPECT_EQ(octal(view.attr("f").mode), "100061");
  EXPECT(overlay->getxattr(node, acl::kAccess).value() == asked);
  EXPECT((realMode(layers.upperPath() / "f") & 0600U) == 0600U);
  // A chmod is a change of the ACL: of the mask, as there is one.
  EXPECT(overlay->setattr(kRoot, node, change(std::nullopt, std::nullopt, 0754)).ok());
  EXPECT(overlay->getxattr(node, acl::kAccess).value() == makeAcl({{acl::kOwner, 7, kNobody},
                                                                   {acl::kUser, 6, 5},
                                                                   {acl::kOwningGroup, 4, kNobody},
                                                                   {acl::kMask, 5, kNobody},
                                                                   {acl::kOthers, 4, kNobody}}));
}

TEST("a default ACL decides the modes of what is made, in place of the umask") {
  LayerFixture layers;
  layers.overrides(OverrideKind::containers);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(overlay->mkdir(kRoot, kRootNode, "d", 0755).ok());
  const NodeId dir = view.node("d");
  const auto inherited = makeAcl({{acl::kOwner, 7, kNobody},
                                  {acl::kUser, 7, 5},
                                  {acl::kOwningGroup, 5, kNobody},
                                  {acl::kMask, 7, kNobody},
                                  {acl::kOthers, 0, kNobody}});
  const auto set = overlay->setxattr(kRoot, dir, acl::kDefault, inherited, XattrSetMode::any, false);
  if (set.failsWith(EOPNOTSUPP)) SKIP("the filesystem of the test has no ACLs");
  EXPECT(set.ok());
  EXPECT(overlay->mknod(user(1000, 100, 077), dir, "f", {.mode = S_IFREG | 0664}).ok());
  EXPECT_EQ(ownerAndMode(view.attr("d/f")), "1000:100 100660");
  EXPECT(overlay->getxattr(view.node("d/f"), acl::kAccess).value() == makeAcl({{acl::kOwner, 6, kNobody},
                                                                               {acl::kUser, 7, 5},
                                                                               {acl::kOwningGroup, 5, kNobody},
                                                                               {acl::kMask, 6, kNobody},
                                                                               {acl::kOthers, 0, kNobody}}));
}

TEST("the xattr is not listed, cannot be read or set by a user, and what he sets under its name is his own") {
  LayerFixture layers;
  layers.overrides(OverrideKind::containers);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(overlay->mknod(user(5, 5), kRootNode, "f", {.mode = S_IFREG | 0644}).ok());
  const NodeId node = view.node("f");
  EXPECT_EQ(overlay->listxattr(kRoot, node).value(), "");
  EXPECT(overlay->getxattr(node, kContainers).failsWith(ENODATA));
  EXPECT(overlay->setxattr(user(5, 5), node, kContainers, "0:0:4755", XattrSetMode::any, false).ok());
  EXPECT_EQ(overlay->listxattr(kRoot, node).value(), std::string(kContainers) + '\0');
  EXPECT_EQ(ownerAndMode(view.attr("f")), "5:5 100644");
  EXPECT(overlay->removexattr(kRoot, node, kContainers).ok());
  EXPECT_EQ(xattr(layers.upperPath() / "f", kContainers), "5:5:0644");
}

TEST("records of a layer that keeps owners in xattrs are not used: they hold what inodes have") {
  LayerFixture layers;
  layers.lower("d/\nd/f = text\nd/pipe = ");
  EXPECT(mark(layers.lowerPath(), "0:0:0755"));
  EXPECT(mark(layers.lowerPath() / "d/f", "5:6:0600"));
  EXPECT(mark(layers.lowerPath() / "d/pipe", "7:8:0600:pipe"));
  for (const auto trust : {LayerTrust::sealed, LayerTrust::checked}) {
    OverlayOptions options;
    options.records = layers.records(trust);
    const auto overlay = layers.open(options);
    REQUIRE(overlay);
    MergedView view(*overlay);
    EXPECT_EQ(ownerAndMode(view.attr("d/f")), "5:6 100600");
    EXPECT_EQ(view.list(view.node("d"))["pipe"].type, DT_FIFO);
    EXPECT_EQ(octal(view.attr("d/pipe").mode), "10600");
  }
}

TEST("a file without a name gets its owner, too, and keeps it when it gets one") {
  LayerFixture layers;
  layers.overrides(OverrideKind::containers);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const auto made = overlay->tmpfile(user(1000, 100), kRootNode, 0666);
  if (made.failsWith(EOPNOTSUPP)) SKIP("the filesystem of the test has no O_TMPFILE");
  REQUIRE(made.ok());
  EXPECT_EQ(ownerAndMode(view.take(*made).attr), "1000:100 100644");
  EXPECT(overlay->link(kRoot, made->node, kRootNode, "f").ok());
  EXPECT_EQ(ownerAndMode(view.attr("f")), "1000:100 100644");
}

TEST("where whiteouts are files, the longest name that is promised is one that can be deleted") {
  LayerFixture layers;
  layers.lower("f = text").whiteoutFiles();
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT_EQ(overlay->statfs(kRootNode)->namelen, 251U);
  EXPECT(overlay->unlink(kRoot, kRootNode, "f").ok());
  EXPECT_EQ(layers.dumpUpper(), ".wh.f = \n");
  EXPECT(overlay->mkdir(kRoot, kRootNode, "f", 0755).ok());
  EXPECT(view.list(view.node("f")).empty());
  EXPECT_EQ(layers.dumpUpper(), testing::mayMakeMarkers() ? "f/ opaque\nf/.wh..wh..opq = \n" : "f/\nf/.wh..wh..opq = \n");
}

TEST("a symlink's owner is kept where the xattr can be set on symlinks; elsewhere its inode has it") {
  if (::geteuid() != 0) SKIP("needs the right to give files away");
  for (const auto kind : {OverrideKind::privileged, OverrideKind::containers}) {
    LayerFixture layers;
    layers.lower("l -> t").overrides(kind);
    EXPECT_EQ(::lchown((layers.lowerPath() / "l").c_str(), 5, 6), 0);
    const auto overlay = layers.open();
    REQUIRE(overlay);
    MergedView view(*overlay);
    EXPECT(overlay->symlink(user(7, 8), kRootNode, "new", "t").ok());
    AttrChange later;
    later.mtime = TimeChange{false, {1'000'000'000, 0}};
    EXPECT(overlay->setattr(kRoot, view.node("l"), later).ok());
    EXPECT_EQ(ownerAndMode(view.attr("l")), "5:6 120777");
    EXPECT_EQ(ownerAndMode(view.attr("new")), "7:8 120777");
    const bool inXattr = kind == OverrideKind::privileged;
    EXPECT_EQ(xattr(layers.upperPath() / "new", kPrivileged), inXattr ? "7:8:0777" : "absent");
    struct stat stat {};
    EXPECT_EQ(::lstat((layers.upperPath() / "new").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_uid, inXattr ? 0U : 7U);
  }
}

}  // namespace
}  // namespace unionfs

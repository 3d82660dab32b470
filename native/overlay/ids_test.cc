#include "overlay/ids.h"

#include <sys/stat.h>
#include <unistd.h>

#include "layer/stack.h"
#include "overlay/overlay.h"
#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using testing::LayerFixture;
using testing::MergedView;

constexpr uint32_t kOverflow = 65534;

IdMap shifted() { return {{{0, 100000, 1000}, {5000, 7, 1}}, std::nullopt, kOverflow}; }

TEST("without ranges every id is itself") {
  const IdMap map;
  EXPECT(map.isIdentity());
  EXPECT_EQ(map.shown(42), 42U);
  EXPECT_EQ(map.stored(42), 42U);
}

TEST("a range shows what is on disk at another place, and back") {
  const IdMap map = shifted();
  EXPECT_EQ(map.shown(0), 100000U);
  EXPECT_EQ(map.shown(999), 100999U);
  EXPECT_EQ(map.shown(5000), 7U);
  EXPECT_EQ(map.stored(100000), 0U);
  EXPECT_EQ(map.stored(100999), 999U);
  EXPECT_EQ(map.stored(7), 5000U);
}

TEST("what no range has is the overflow id in both directions") {
  const IdMap map = shifted();
  EXPECT_EQ(map.shown(1000), kOverflow);
  EXPECT_EQ(map.stored(0), kOverflow);
  EXPECT_EQ(map.stored(101000), kOverflow);
}

TEST("of ranges that overlap the first one counts") {
  const IdMap map({{0, 10, 5}, {0, 20, 5}}, std::nullopt, kOverflow);
  EXPECT_EQ(map.shown(1), 11U);
  EXPECT_EQ(map.stored(21), 1U);
}

TEST("a range up to the last id does not wrap") {
  const IdMap map({{10, 0xffff'fff0U, 16}}, std::nullopt, kOverflow);
  EXPECT_EQ(map.shown(25), 0xffff'ffffU);
  EXPECT_EQ(map.shown(9), kOverflow);
}

TEST("a squash shows one owner, and a change of owner does nothing") {
  Owners owners{.users = IdMap({}, 1234, kOverflow), .groups = {}};
  Attr attr;
  attr.uid = 5;
  attr.gid = 6;
  owners.show(attr);
  EXPECT_EQ(attr.uid, 1234U);
  EXPECT_EQ(attr.gid, 6U);
  AttrChange change;
  change.uid = 9;
  change.gid = 9;
  change = owners.store(change);
  EXPECT(!change.uid.has_value());
  EXPECT_EQ(*change.gid, 9U);
}

TEST("named users and groups of an ACL are mapped, the others are not touched") {
  const Owners owners{.users = shifted(), .groups = IdMap({{50, 60, 1}}, std::nullopt, kOverflow)};
  std::string acl("\x02\0\0\0", 4);
  acl += std::string("\x01\0\x07\0\xff\xff\xff\xff", 8);  // USER_OBJ
  acl += std::string("\x02\0\x04\0\x03\0\0\0", 8);        // USER 3
  acl += std::string("\x08\0\x04\0\x32\0\0\0", 8);        // GROUP 50
  const std::string shown = owners.showAcl(acl);
  EXPECT(shown.substr(0, 16) == acl.substr(0, 16));
  EXPECT(shown.substr(16, 4) == std::string("\xa3\x86\x01\0", 4));  // 100003
  EXPECT(shown.substr(24, 4) == std::string("\x3c\0\0\0", 4));      // 60
  EXPECT(owners.storeAcl(shown) == acl);
}

OverlayOptions mapped() {
  OverlayOptions options;
  options.owners = {.users = IdMap({{0, 1000, 100}}, std::nullopt, kOverflow), .groups = IdMap({{0, 2000, 100}}, std::nullopt, kOverflow)};
  return options;
}

TEST("a union with a mapping shows mapped owners and stores what the layers mean") {
  if (::geteuid() != 0) SKIP("owners other than our own need root");
  LayerFixture layers;
  layers.lower("f = 1\nd/\nd/g = 1").upper("");
  const auto overlay = layers.open(mapped());
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT_EQ(view.attr("f").uid, 1000U);
  EXPECT_EQ(view.attr("d").gid, 2000U);
  AttrChange change;
  change.uid = 1007;
  const auto changed = overlay->setattr(Caller{.uid = 1000, .gid = 2000}, view.node("f"), change);
  REQUIRE(changed.ok());
  EXPECT_EQ(changed->uid, 1007U);
  struct stat real {};
  REQUIRE(::lstat((layers.upperPath() / "f").c_str(), &real) == 0);
  EXPECT_EQ(real.st_uid, 7U);
}

TEST("what is made in a union with a mapping belongs to the stored owner, and to nobody when the caller has none") {
  if (::geteuid() != 0) SKIP("owners other than our own need root");
  LayerFixture layers;
  layers.lower("d/").upper("");
  const auto overlay = layers.open(mapped());
  REQUIRE(overlay);
  const auto made = overlay->mkdir(Caller{.uid = 1003, .gid = 2004}, kRootNode, "new", 0755);
  REQUIRE(made.ok());
  EXPECT_EQ(made->attr.uid, 1003U);
  EXPECT_EQ(made->attr.gid, 2004U);
  struct stat real {};
  REQUIRE(::lstat((layers.upperPath() / "new").c_str(), &real) == 0);
  EXPECT_EQ(real.st_uid, 3U);
  EXPECT_EQ(real.st_gid, 4U);
  const auto nobodys = overlay->mkdir(Caller{.uid = 0, .gid = 0}, kRootNode, "other", 0755);
  REQUIRE(nobodys.ok());
  EXPECT_EQ(nobodys->attr.uid, kOverflow);
}

TEST("a lower whose mount maps owners already is shown as it is, and copied with the owners to store") {
  if (::geteuid() != 0) SKIP("owners other than our own need root");
  LayerFixture layers;
  layers.lower("f = 1\nd/\nd/g = 1").upper("own = 1");
  for (const char* name : {"f", "d", "d/g"}) REQUIRE(::lchown((layers.lowerPath() / name).c_str(), 1005, 2006) == 0);
  StackError error;
  auto stack = LayerStack::open(
      {.lowers = {layers.lowerPath()}, .ownersMapped = {true}, .upper = layers.upperPath(), .workdir = layers.workPath()}, error);
  REQUIRE(stack);
  auto overlay = Overlay::open(stack, mapped());
  REQUIRE(overlay.ok());
  MergedView view(**overlay);
  EXPECT_EQ(view.attr("f").uid, 1005U);
  EXPECT_EQ(view.attr("own").uid, 1000U);
  AttrChange change;
  change.mode = 0600;
  for (const char* name : {"f", "d/g"}) {
    const auto changed = (*overlay)->setattr(Caller{.uid = 1000, .gid = 2000}, view.node(name), change);
    REQUIRE(changed.ok());
    EXPECT_EQ(changed->uid, 1005U);
    EXPECT_EQ(changed->gid, 2006U);
  }
  for (const char* name : {"f", "d", "d/g"}) {
    struct stat real {};
    REQUIRE(::lstat((layers.upperPath() / name).c_str(), &real) == 0);
    EXPECT_EQ(real.st_uid, 5U);
    EXPECT_EQ(real.st_gid, 6U);
  }
}

TEST("static link counts show 1 for every directory") {
  LayerFixture layers;
  layers.lower("d/\nd/a/\nd/b/").upper("");
  OverlayOptions options;
  options.staticNlink = true;
  const auto overlay = layers.open(options);
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT_EQ(view.attr("d").nlink, 1U);
}

}  // namespace
}  // namespace unionfs

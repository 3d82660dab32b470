#include "overlay/lookup.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/log.h"
#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using testing::LayerFixture;
using testing::MergedView;

constexpr const char* kNoMarkers = "needs the right to make devices and trusted xattrs";
constexpr Caller kRoot{};

bool mark(const std::filesystem::path& path, const char* name, std::string_view value) {
  return ::lsetxattr(path.c_str(), name, value.data(), value.size(), 0) == 0;
}

// The merged tree without modes, as it is found by name before any directory was read, and then by reading.
std::string merged(LayerFixture& layers, std::initializer_list<const char*> names) {
  const auto overlay = layers.open();
  if (!overlay) return "cannot be opened";
  MergedView view(*overlay);
  std::string probed;
  for (const char* name : names) {
    const auto found = view.find(name);
    probed += found ? std::string(name) + (S_ISDIR(found->attr.mode) ? "/\n" : " = " + view.read(name) + "\n") : "";
  }
  std::string read;
  const std::string dump = view.dump();
  for (size_t at = 0; at < dump.size(); ++at) {
    if (dump[at] == '@') at += 5;
    read += dump[at];
  }
  return probed == read ? read : "by name:\n" + probed + "by reading:\n" + read;
}

TEST("a whiteout of every dialect hides what lies below") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  LayerFixture layers;
  layers.lower("device whiteout\n.wh.file =\nxattr =\nshown = top");
  layers.lower("device = 1\nfile = 1\nxattr = 1\nrest = 1\nshown = deep");
  EXPECT(mark(layers.lowerPath(0), "user.overlay.opaque", "x"));
  EXPECT(mark(layers.lowerPath(0) / "xattr", "user.overlay.whiteout", ""));
  EXPECT_EQ(merged(layers, {"device", "file", "rest", "shown", "xattr"}), "rest = 1\nshown = top\n");
}

TEST("an xattr whiteout is an ordinary file where the directory does not announce them") {
  LayerFixture layers;
  layers.lower("f =").lower("f = deep");
  EXPECT(mark(layers.lowerPath(0) / "f", "user.overlay.whiteout", ""));
  EXPECT_EQ(merged(layers, {"f"}), "f = \n");
}

TEST("xattr whiteouts are known below the root, in the directories that announce them") {
  LayerFixture layers;
  layers.lower("d/\nd/x =\nd/y =").lower("d/\nd/x = 1\nd/y = 1\nd/z = 1");
  EXPECT(mark(layers.lowerPath(0) / "d", "user.overlay.opaque", "x"));
  EXPECT(mark(layers.lowerPath(0) / "d/x", "user.overlay.whiteout", ""));
  EXPECT_EQ(merged(layers, {"d", "d/x", "d/y", "d/z"}), "d/\nd/y = \nd/z = 1\n");
}

TEST("a whiteout file hides the layers below it, not its own layer") {
  LayerFixture layers;
  layers.lower(".wh.f =\nf = top\n.wh.d =\nd/\nd/x = top").lower("f = deep\nd/\nd/y = deep");
  EXPECT_EQ(merged(layers, {"d", "d/x", "d/y", "f"}), "d/\nd/x = top\nf = top\n");
}

TEST("an opaque mark of every dialect ends the merge, its own layer included") {
  for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque", "user.fuseoverlayfs.opaque", "file"}) {
    LayerFixture layers;
    layers.lower("d/\nd/a = 1").lower("d/\nd/b = 1").lower("d/\nd/c = 1");
    if (std::string_view(name) == "file")
      EXPECT(testing::writeTree(layers.lowerPath(1), "d/.wh..wh..opq ="));
    else if (!mark(layers.lowerPath(1) / "d", name, "y"))
      SKIP(kNoMarkers);
    EXPECT_EQ(merged(layers, {"d", "d/a", "d/b", "d/c"}), "d/\nd/a = 1\nd/b = 1\n");
  }
}

TEST("an opaque root of a layer hides the layers below it") {
  LayerFixture layers;
  layers.lower("a = 1").lower("b = 1").lower("c = 1");
  EXPECT(mark(layers.lowerPath(1), "user.overlay.opaque", "y"));
  EXPECT_EQ(merged(layers, {"a", "b", "c"}), "a = 1\nb = 1\n");
}

TEST("an opaque directory of the upper shows nothing of the lowers") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  LayerFixture layers;
  layers.lower("d/\nd/b = 1").upper("d/ opaque\nd/a = 1");
  EXPECT_EQ(merged(layers, {"d", "d/a", "d/b"}), "d/\nd/a = 1\n");
}

TEST("a file hides directories below it, and a directory merges no further than a file") {
  LayerFixture layers;
  layers.lower("f = top\nd/\nd/a = 1").lower("f/\nf/x = 1\nd = deep").lower("f/\nf/y = 1\nd/\nd/b = 1");
  EXPECT_EQ(merged(layers, {"d", "d/a", "f"}), "d/\nd/a = 1\nf = top\n");
}

TEST("a symlink to a directory is no directory") {
  LayerFixture layers;
  layers.lower("d/\nd/a = 1").lower("d -> elsewhere").lower("d/\nd/b = 1\nelsewhere/\nelsewhere/x = 1");
  EXPECT_EQ(merged(layers, {"d", "d/a", "elsewhere", "elsewhere/x"}), "d/\nd/a = 1\nelsewhere/\nelsewhere/x = 1\n");
}

TEST("a whiteout of a directory in a middle layer hides all of it further down") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  LayerFixture layers;
  layers.lower("d/\nd/a = 1").lower("d whiteout").lower("d/\nd/b = 1\nd/sub/\nd/sub/f = 1");
  EXPECT_EQ(merged(layers, {"d", "d/a", "d/b", "d/sub"}), "d/\nd/a = 1\n");
}

TEST("a directory made anew over a whiteout in a higher layer has nothing of the old one") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  LayerFixture layers;
  layers.lower("d/\nd/new = 1").lower("d whiteout").lower("d/\nd/old = 1").upper("d/\nd/own = 1");
  EXPECT_EQ(merged(layers, {"d", "d/new", "d/old", "d/own"}), "d/\nd/new = 1\nd/own = 1\n");
}

TEST("marks are neither shown nor found, and cannot be made") {
  LayerFixture layers;
  layers.lower(".wh.gone =\n.wh..wh..opq =\n.wh..wh.plnk/\n.wh..wh.plnk/1.2 = x\nf = 1").upper(".wh.too =");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT_EQ(view.list(kRootNode).size(), 1U);
  for (const char* name : {".wh.gone", ".wh..wh..opq", ".wh..wh.plnk", ".wh.too"}) EXPECT(!view.find(name));
  EXPECT(overlay->mknod(kRoot, kRootNode, ".wh.x", {S_IFREG | 0644, 0}).failsWith(EINVAL));
  EXPECT(overlay->mkdir(kRoot, kRootNode, ".wh.x", 0755).failsWith(EINVAL));
  EXPECT(overlay->symlink(kRoot, kRootNode, ".wh.x", "t").failsWith(EINVAL));
  EXPECT(overlay->link(kRoot, view.node("f"), kRootNode, ".wh.x").failsWith(EINVAL));
  EXPECT(overlay->rename(kRoot, kRootNode, "f", kRootNode, ".wh.x", RenameMode::replace).failsWith(EINVAL));
  EXPECT(overlay->mknod(kRoot, kRootNode, "device", {S_IFCHR | 0600, 0}).failsWith(EPERM));
}

TEST("names of 255 bytes are found, longer ones are no names") {
  LayerFixture layers;
  const std::string longest(255, 'n');
  layers.lower(longest + " = 1").lower("");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT(view.find(longest));
  EXPECT(overlay->lookup(kRootNode, std::string(256, 'n')).failsWith(ENAMETOOLONG));
}

TEST("a merged directory has one link, a pure one its own") {
  LayerFixture layers;
  layers.lower("merged/\nmerged/a/\npure/\npure/a/\npure/b/").lower("merged/\nmerged/b/").upper("own/\nown/a/");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT_EQ(view.attr("merged").nlink, 1U);
  const auto real = [&](const std::filesystem::path& path) { return std::filesystem::hard_link_count(path); };
  EXPECT_EQ(view.attr("pure").nlink, real(layers.lowerPath(0) / "pure"));
  EXPECT_EQ(view.attr("own").nlink, real(layers.upperPath() / "own"));
}

TEST("500 lowers show each layer's own name and the top one of what all have") {
  constexpr unsigned kLayers = 500;
  LayerFixture layers;
  for (unsigned i = 0; i < kLayers; ++i) {
    const std::string n = std::to_string(i);
    layers.lower("all = " + n + "\nf" + n + " = " + n + "\nd/\nd/f" + n + " = " + n);
  }
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT_EQ(view.read("all"), "0");
  EXPECT_EQ(view.read("f499"), "499");
  EXPECT_EQ(view.read("d/f499"), "499");
  EXPECT_EQ(view.list(kRootNode).size(), kLayers + 2);
  EXPECT_EQ(view.list(view.node("d")).size(), kLayers);
  EXPECT(!view.find("f500"));
  const std::byte text[] = {std::byte{'n'}};
  EXPECT(overlay->write(kRoot, view.node("d/f499"), text, 0, {}).ok());
  EXPECT_EQ(view.read("d/f499"), "n99");
  EXPECT_EQ(layers.dumpUpper(), "d/\nd/f499 = n99\n");
}

// Warnings about what is refused, while it lives.
class Refusals {
 public:
  Refusals() {
    log::setSink([this](const log::Record& record) { text_ += record.message.starts_with("refusing") ? record.fieldsJson + "\n" : ""; });
  }
  ~Refusals() { log::setSink(nullptr); }
  // How many records name this path.
  [[nodiscard]] size_t of(const std::string& path) const {
    size_t count = 0;
    const std::string field = "\"path\":\"" + path + "\"";
    for (size_t at = text_.find(field); at != std::string::npos; at = text_.find(field, at + 1)) ++count;
    return count;
  }

 private:
  std::string text_;
};

void makeSparse(const std::filesystem::path& path) {
  EXPECT(::truncate(path.c_str(), 100'000) == 0);
  EXPECT(mark(path, "trusted.overlay.metacopy", ""));
}

// Asked twice by name, then once more when the directory was read.
void expectRefused(Overlay& overlay, std::string_view dirPath, Name name) {
  MergedView view(overlay);
  const NodeId dir = dirPath.empty() ? kRootNode : view.node(dirPath);
  for (int i = 0; i < 2; ++i) EXPECT(overlay.lookup(dir, name).failsWith(EPERM));
  EXPECT(view.list(dir).contains(std::string(name)));
  EXPECT(overlay.lookup(dir, name).failsWith(EPERM));
}

TEST("a file whose data lies in another layer is refused in every layer, and named in the log once") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  LayerFixture layers;
  layers.lower("m =\nd/\nd/m =\np/\np/q/\np/q/m =").lower("l =\nm = data\nd/\nd/m = data").upper("u =");
  for (const char* path : {"m", "d/m", "p/q/m"}) makeSparse(layers.lowerPath(0) / path);
  makeSparse(layers.lowerPath(1) / "l");
  makeSparse(layers.upperPath() / "u");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  const Refusals refusals;
  for (const char* name : {"m", "l", "u"}) expectRefused(*overlay, "", name);
  expectRefused(*overlay, "d", "m");
  expectRefused(*overlay, "p/q", "m");
  for (const char* path : {"m", "l", "u", "d/m", "p/q/m"}) EXPECT_EQ(refusals.of(path), 1U);
}

TEST("a file without its data is known by its directory where its blocks do not tell") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  LayerFixture layers;
  layers.lower("d/\nd/m = has blocks\np/\np/m = has blocks").lower("x = 1");
  for (const char* dir : {"d", "p"}) EXPECT(mark(layers.lowerPath(0) / dir / "m", "trusted.overlay.metacopy", ""));
  EXPECT(mark(layers.lowerPath(0) / "d", "trusted.overlay.impure", "y"));
  const auto overlay = layers.open();
  REQUIRE(overlay);
  expectRefused(*overlay, "d", "m");
  EXPECT_EQ(MergedView(*overlay).read("p/m"), "has blocks");  // where no kernel puts such a file
}

TEST("sparse files that are no copies are read as they are") {
  LayerFixture layers;
  layers.lower("f =").lower("f = deep");
  EXPECT(::truncate((layers.lowerPath(0) / "f").c_str(), 5) == 0);
  const auto overlay = layers.open();
  REQUIRE(overlay);
  EXPECT_EQ(MergedView(*overlay).read("f"), std::string(5, '\0'));
}

TEST("a directory with a redirect is refused where a layer lies below its own, and named in the log once") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  LayerFixture layers;
  layers.lower("m/\nnew/\nnew/q/\nnew/q/m/").lower("old/\nold/x = 1\nl/\nl/own = 2").upper("u/");
  for (const char* path : {"m", "new/q/m"}) EXPECT(mark(layers.lowerPath(0) / path, "trusted.overlay.redirect", "/old"));
  EXPECT(mark(layers.upperPath() / "u", "user.overlay.redirect", "old"));
  EXPECT(mark(layers.lowerPath(1) / "l", "trusted.overlay.redirect", "gone"));
  const auto overlay = layers.open();
  REQUIRE(overlay);
  const Refusals refusals;
  for (const char* name : {"m", "u"}) expectRefused(*overlay, "", name);
  expectRefused(*overlay, "new/q", "m");
  for (const char* path : {"m", "u", "new/q/m"}) EXPECT_EQ(refusals.of(path), 1U);
  EXPECT_EQ(MergedView(*overlay).read("l/own"), "2");  // nothing could be found below
}

TEST("what became a directory behind the mount is one, and what became a file") {
  if (testing::lowersAreSealed()) SKIP("a sealed layer is vouched for not to change");
  LayerFixture layers;
  layers.lower("f = 1\nd/\nd/x = 2").lower("g = 1");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  EXPECT_EQ(view.list(kRootNode).size(), 3U);
  std::filesystem::remove(layers.lowerPath() / "f");
  std::filesystem::create_directory(layers.lowerPath() / "f");
  std::filesystem::remove_all(layers.lowerPath() / "d");
  EXPECT(testing::writeTree(layers.lowerPath(), "d = now a file"));
  EXPECT(S_ISDIR(view.attr("f").mode));
  EXPECT_EQ(view.read("d"), "now a file");
}

}  // namespace
}  // namespace unionfs

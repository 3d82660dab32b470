#include "overlay/recall.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "index/record_store.h"
#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/test.h"

namespace unionfs {
namespace {

namespace fs = std::filesystem;
using testing::LayerFixture;
using testing::MergedView;

OverlayOptions with(std::shared_ptr<RecordStore> records) {
  OverlayOptions options;
  options.records = std::move(records);
  return options;
}

std::string view(LayerFixture& layers, std::shared_ptr<RecordStore> records) {
  const auto overlay = layers.open(with(std::move(records)));
  return overlay ? MergedView(*overlay).dump() : "cannot be opened";
}

// More than the clock of any filesystem tests run on ticks in.
void letTheClockTick() { std::this_thread::sleep_for(std::chrono::milliseconds(12)); }

// Makes, changes and removes things in a layer at random; trees stay small, so that names meet.
class Editor {
 public:
  explicit Editor(uint64_t seed) : random_(seed) {}

  void edit(const fs::path& layer, unsigned times) {
    for (unsigned i = 0; i < times; ++i) step(layer / somePath());
  }

 private:
  uint64_t below(uint64_t limit) { return random_() % limit; }

  std::string somePath() {
    static constexpr const char* kNames[] = {"a", "b", "c", ".wh.a", ".wh.b", ".wh..wh..opq"};
    std::string path = kNames[below(6)];
    for (uint64_t depth = below(3); depth > 0; --depth) path = std::string(kNames[below(3)]) + "/" + path;
    return path;
  }

  void step(const fs::path& at) {
    std::error_code error;
    switch (below(9)) {
      case 0:
      case 1:
        fs::create_directories(at.parent_path(), error);
        std::ofstream(at) << below(1000);
        break;
      case 2:
        fs::create_directories(at, error);
        break;
      case 3:
        fs::create_directories(at.parent_path(), error);
        fs::create_symlink("target" + std::to_string(below(9)), at, error);
        break;
      case 4:
        fs::create_directories(at.parent_path(), error);
        ::mknod(at.c_str(), S_IFCHR, 0);
        break;
      case 5:
        fs::remove_all(at, error);
        break;
      case 6:
        fs::rename(at, at.parent_path() / "c", error);
        break;
      case 7:
        fs::permissions(at, static_cast<fs::perms>(0700 + below(64)), fs::perm_options::replace | fs::perm_options::nofollow, error);
        break;
      default:
        if (fs::is_directory(fs::symlink_status(at, error))) ::setxattr(at.c_str(), "user.overlay.opaque", below(2) == 0 ? "y" : "n", 1, 0);
    }
  }

  std::mt19937_64 random_;
};

TEST("with records the union is the same as without, whatever changed in the layers since they were made") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    LayerFixture layers;
    layers.lower("").lower("").lower("").readOnly();
    Editor editor(seed);
    for (size_t i = 0; i < 3; ++i) editor.edit(layers.lowerPath(i), 25);
    EXPECT_EQ(view(layers, layers.records(LayerTrust::sealed)), view(layers, nullptr));
    const auto records = layers.records(LayerTrust::checked);
    letTheClockTick();
    for (size_t i = 0; i < 3; ++i) editor.edit(layers.lowerPath(i), 4);
    EXPECT_EQ(view(layers, records), view(layers, nullptr));
  }
}

TEST("a record is used when its directory agrees, and only then") {
  LayerFixture layers;
  layers.lower("d/\nd/a = 1\ne/\ne/a = 1").lower("d/\nd/b = 1\ne/\ne/b = 1").readOnly();
  const auto records = layers.records(LayerTrust::checked);
  letTheClockTick();
  std::ofstream(layers.lowerPath(1) / "d/new") << "x";
  const auto overlay = layers.open(with(records));
  REQUIRE(overlay != nullptr);
  MergedView merged(*overlay);
  EXPECT_EQ(merged.list(merged.node("d")).size(), size_t{3});
  EXPECT_EQ(merged.list(merged.node("e")).size(), size_t{2});
  EXPECT(records->stats().stale > 0);
  EXPECT(records->stats().used >= 3);
}

TEST("a sealed layer is not touched: names, attributes, listings, symlinks and absent xattrs are known without it") {
  LayerFixture layers;
  layers.lower("d/\nd/file@0640 = hello\nd/link -> file\nd/sub/\nd/sub/deep = x\nd/.wh.gone =");
  layers.lower("d/\nd/gone = 1\nd/old = 1").readOnly();
  std::string attrs;
  for (const bool emptied : {false, true}) {
    const auto records = layers.records(LayerTrust::sealed);
    const auto overlay = layers.open(with(records));
    REQUIRE(overlay != nullptr);
    if (emptied) {
      fs::remove_all(layers.lowerPath(0) / "d");
      fs::remove_all(layers.lowerPath(1) / "d");
    }
    MergedView merged(*overlay);
    const auto listed = merged.list(merged.node("d"));
    EXPECT_EQ(listed.size(), size_t{4});
    EXPECT(!merged.find("d/gone"));
    EXPECT(!merged.find("d/absent"));
    const Attr attr = merged.attr("d/file");
    EXPECT_EQ(attr.mode, mode_t{S_IFREG | 0640U});
    EXPECT_EQ(attr.size, uint64_t{5});
    const std::string shown = std::to_string(attr.ino) + " " + std::to_string(attr.mtime.nsec) + " " + std::to_string(attr.blocks);
    if (emptied)
      EXPECT_EQ(shown, attrs);
    else
      attrs = shown;
    EXPECT(merged.find("d/sub/deep").has_value());
    const auto target = overlay->readlink(merged.node("d/link"));
    REQUIRE(target.ok());
    EXPECT_EQ(*target, std::string("file"));
    EXPECT(overlay->getxattr(merged.node("d/file"), "security.capability").failsWith(ENODATA));
    const auto names = overlay->listxattr(Caller{}, merged.node("d/sub"));
    REQUIRE(names.ok());
    EXPECT(names->empty());
    if (!emptied) continue;
    EXPECT(overlay->openData(Caller{}, merged.node("d/file"), {}).failsWith(ENOENT));
  }
}

TEST("what a sealed layer has of xattrs is read from it") {
  LayerFixture layers;
  layers.lower("f = 1\ng = 1").readOnly();
  if (::setxattr((layers.lowerPath(0) / "f").c_str(), "user.note", "text", 4, 0) != 0) SKIP("needs user xattrs");
  const auto overlay = layers.open(with(layers.records(LayerTrust::sealed)));
  REQUIRE(overlay != nullptr);
  MergedView merged(*overlay);
  const auto value = overlay->getxattr(merged.node("f"), "user.note");
  REQUIRE(value.ok());
  EXPECT_EQ(*value, std::string("text"));
  EXPECT(overlay->getxattr(merged.node("f"), "user.other").failsWith(ENODATA));
  EXPECT(overlay->getxattr(merged.node("g"), "user.note").failsWith(ENODATA));
}

TEST("where parts of a directory may lie in other layers the layer is asked, sealed or not") {
  if (!testing::mayMakeMarkers()) SKIP("needs the right to set trusted xattrs");
  for (const LayerTrust trust : {LayerTrust::sealed, LayerTrust::checked}) {
    LayerFixture layers;
    layers.lower("copies/\ncopies/m = has blocks\ncopies/own = 1\nmeta/\nmeta/m =\nmoved/\nclean/\nclean/f = 1").lower("x = 1").readOnly();
    const auto mark = [&layers](const char* path, const char* name) {
      EXPECT(::setxattr((layers.lowerPath(0) / path).c_str(), name, "y", 1, 0) == 0);
    };
    mark("copies", "trusted.overlay.impure");
    mark("copies/m", "trusted.overlay.metacopy");
    EXPECT(::truncate((layers.lowerPath(0) / "meta/m").c_str(), 100'000) == 0);
    mark("meta/m", "trusted.overlay.metacopy");
    mark("moved", "trusted.overlay.redirect");
    const auto records = layers.records(trust);
    const auto overlay = layers.open(with(records));
    REQUIRE(overlay != nullptr);
    MergedView merged(*overlay);
    EXPECT(overlay->lookup(kRootNode, "moved").failsWith(EPERM));
    for (const char* path : {"copies", "meta"}) {
      const NodeId dir = merged.node(path);
      EXPECT(overlay->lookup(dir, "m").failsWith(EPERM));
      EXPECT(merged.list(dir).contains("m"));
      EXPECT(overlay->lookup(dir, "m").failsWith(EPERM));
    }
    EXPECT_EQ(merged.read("copies/own"), "1");
    EXPECT_EQ(merged.read("clean/f"), "1");
    EXPECT(records->stats().used > 0);  // of the others
  }
}

TEST("xattr whiteouts of the lowest layer are with records what they are without") {
  LayerFixture layers;
  layers.lower("d/\nd/a = 1").lower("d/\nd/w =\nown/\nown/w =").readOnly();
  for (const char* path : {"d", "own"}) {
    const fs::path dir = layers.lowerPath(1) / path;
    if (::setxattr(dir.c_str(), "user.overlay.opaque", "x", 1, 0) != 0) SKIP("needs user xattrs");
    EXPECT(::setxattr((dir / "w").c_str(), "user.overlay.whiteout", "y", 1, 0) == 0);
  }
  EXPECT_EQ(view(layers, layers.records(LayerTrust::sealed)), view(layers, nullptr));
}

TEST("records that come while the union serves are used from then on") {
  LayerFixture layers;
  layers.lower("d/\nd/a = 1").lower("d/\nd/b = 1").readOnly();
  const auto all = layers.records(LayerTrust::sealed);
  const auto late = std::make_shared<RecordStore>(3);
  const auto overlay = layers.open(with(late));
  REQUIRE(overlay != nullptr);
  MergedView merged(*overlay);
  const NodeId dir = merged.node("d");
  EXPECT_EQ(late->stats().used, uint64_t{0});
  for (uint16_t layer = 1; layer <= 2; ++layer) {
    late->setTrust(layer, LayerTrust::sealed);
    for (const char* path : {"", "d"}) {
      const auto ino = fs::path(layers.lowerPath(layer - 1U) / path);
      struct stat stat {};
      REQUIRE(::stat(ino.c_str(), &stat) == 0);
      const DirRecord* record = all->find(layer, stat.st_ino);
      REQUIRE(record != nullptr);
      EXPECT(late->add(layer, record->bytes()));
    }
    late->setComplete(layer);
  }
  EXPECT_EQ(merged.list(dir).size(), size_t{2});
  EXPECT_EQ(late->stats().used, uint64_t{2});
}

// Many lowers that all have d and d/e; each file lies in one of them.
LayerFixture& deepStack(LayerFixture& layers, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    layers.lower("d/\nd/f" + number + " = 1\nd/e/\nd/e/g" + number + " = 1\nown" + number + "/");
  }
  return layers;
}

TEST("directories that many sealed layers share are merged before they are asked for, and are the same") {
  LayerFixture layers;
  deepStack(layers, 20).readOnly();
  const auto overlay = layers.open(with(layers.records(LayerTrust::sealed)));
  REQUIRE(overlay != nullptr);
  overlay->prepare();
  EXPECT_EQ(overlay->stats().inodes, uint64_t{3});  // the root, d and d/e
  EXPECT_EQ(overlay->stats().listings, uint64_t{3});
  EXPECT_EQ(MergedView(*overlay).dump(), view(layers, nullptr));
}

TEST("what is merged ahead is let go with the rest when the kernel forgets it") {
  LayerFixture layers;
  deepStack(layers, 20).readOnly();
  const auto overlay = layers.open(with(layers.records(LayerTrust::sealed)));
  REQUIRE(overlay != nullptr);
  overlay->prepare();
  const auto d = overlay->lookup(kRootNode, "d");
  REQUIRE(d.ok() && *d);
  const auto e = overlay->lookup((*d)->node, "e");
  REQUIRE(e.ok() && *e);
  overlay->forget((*e)->node, 1);
  overlay->forget((*d)->node, 1);
  EXPECT_EQ(overlay->stats().inodes, uint64_t{1});
}

TEST("only what all sealed layers tell is merged ahead") {
  LayerFixture layers;
  deepStack(layers, 20).readOnly();
  const auto checked = layers.open(with(layers.records(LayerTrust::checked)));
  REQUIRE(checked != nullptr);
  checked->prepare();
  EXPECT_EQ(checked->stats().listings, uint64_t{0});
  LayerFixture few;
  deepStack(few, 3).readOnly();
  const auto shallow = few.open(with(few.records(LayerTrust::sealed)));
  REQUIRE(shallow != nullptr);
  shallow->prepare();
  EXPECT_EQ(shallow->stats().listings, uint64_t{0});
}

TEST("a directory merged ahead takes changes like any other") {
  LayerFixture layers;
  deepStack(layers, 20);
  const auto overlay = layers.open(with(layers.records(LayerTrust::sealed)));
  REQUIRE(overlay != nullptr);
  overlay->prepare();
  MergedView merged(*overlay);
  const NodeId d = merged.node("d");
  EXPECT(overlay->unlink(Caller{}, d, "f3").ok());
  EXPECT(overlay->mkdir(Caller{}, d, "new", 0755).ok());
  EXPECT(overlay->mkdir(Caller{}, merged.node("d/e"), "new", 0755).ok());
  EXPECT(!merged.find("d/f3"));
  EXPECT(merged.find("d/e/new").has_value());
  EXPECT(merged.list(d).contains("new"));
  EXPECT_EQ(merged.list(merged.node("d")).size(), size_t{21});  // 19 files, e and new
}

TEST("a directory read from its layer is learned, when it has not changed for a while") {
  LayerFixture layers;
  layers.lower("old/\nold/a = 1\nfresh/").lower("old/\nold/gone whiteout\nold/b = 1").readOnly();
  if (!testing::mayMakeMarkers()) SKIP("needs the right to make devices");
  std::this_thread::sleep_for(std::chrono::milliseconds(3100));
  testing::writeTree(layers.lowerPath(0), "fresh/new = 1");
  const auto store = std::make_shared<RecordStore>(3);
  store->startLearning();
  {
    const auto overlay = layers.open(with(store));
    REQUIRE(overlay != nullptr);
    MergedView(*overlay).dump();
  }
  auto learned = store->takeLearned();
  std::vector<std::string> paths;
  const auto again = std::make_shared<RecordStore>(3);
  again->setTrust(1, LayerTrust::checked);
  again->setTrust(2, LayerTrust::checked);
  for (auto& record : learned) {
    paths.push_back(std::to_string(record.layer) + ":" + record.path);
    EXPECT(again->add(record.layer, std::move(record.bytes)));
  }
  std::ranges::sort(paths);
  EXPECT_EQ(paths.size(), size_t{4});  // not 1:fresh
  EXPECT(std::ranges::find(paths, "1:fresh") == paths.end());
  const std::string without = view(layers, nullptr);
  EXPECT_EQ(view(layers, again), without);
  EXPECT(again->stats().used > 0);
  EXPECT_EQ(again->stats().stale, uint64_t{0});
}

}  // namespace
}  // namespace unionfs

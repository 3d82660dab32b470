#include <sys/stat.h>

#include "overlay/names.h"
#include "sys/fault.h"
#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/temp_in_memory.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using testing::LayerFixture;
using testing::MergedView;

constexpr const char* kNoMarkers = "needs the right to make devices and trusted xattrs";
constexpr Caller kRoot{};

// What lies under a name before the rename: in the lower, in the upper, and what the union makes of it.
struct Kind {
  enum Shown { absent, file, emptyDir, fullDir };
  const char* name;
  const char* lower;  // "$" stands for the name
  const char* upper;
  Shown shown;
  bool inLower = false;  // a directory that is, or merges, a lower: it stays where it is
  const char* tree = "";
};

// clang-format off
const Kind kKinds[] = {
    {"nothing", "", "", Kind::absent, false, ""},
    {"a whiteout", "$ = hidden", "$ whiteout", Kind::absent, false, ""},
    {"a whiteout of a directory", "$/\n$/x = hidden", "$ whiteout", Kind::absent, false, ""},
    {"a whiteout file", "$ = hidden", ".wh.$ =", Kind::absent, false, ""},
    {"a lower file", "$ = L$", "", Kind::file, false, "$@0644 = L$\n"},
    {"an upper file", "", "$ = U$", Kind::file, false, "$@0644 = U$\n"},
    {"a file of both", "$ = L$", "$ = U$", Kind::file, false, "$@0644 = U$\n"},
    {"a symlink", "$ -> to$", "", Kind::file, false, "$ -> to$\n"},
    {"an empty lower directory", "$/", "", Kind::emptyDir, true, "$@0755/\n"},
    {"an empty upper directory", "", "$/", Kind::emptyDir, false, "$@0755/\n"},
    {"an empty opaque directory", "$/\n$/x = hidden", "$/ opaque", Kind::emptyDir, false, "$@0755/\n"},
    {"a merged directory of whiteouts", "$/\n$/x = hidden", "$/\n$/x whiteout", Kind::emptyDir, true, "$@0755/\n"},
    {"a pure directory of whiteouts", "", "$/\n$/x whiteout\n$/.wh.y =", Kind::emptyDir, false, "$@0755/\n"},
    {"a lower directory", "$/\n$/l = 1", "", Kind::fullDir, true, "$@0755/\n$/l@0644 = 1\n"},
    {"an upper directory", "", "$/\n$/u = 1", Kind::fullDir, false, "$@0755/\n$/u@0644 = 1\n"},
    {"an opaque directory", "$/\n$/x = hidden", "$/ opaque\n$/u = 1", Kind::fullDir, false, "$@0755/\n$/u@0644 = 1\n"},
};
// clang-format on

bool isDir(const Kind& kind) { return kind.shown == Kind::emptyDir || kind.shown == Kind::fullDir; }

std::string named(std::string_view tree, std::string_view name) {
  std::string out;
  for (const char c : tree) out += c == '$' ? std::string(name) : std::string(1, c);
  return out;
}

// The subtree of one kind as it looks under another name: contents stay, the first part of each path changes.
std::string moved(const Kind& kind, std::string_view from, std::string_view to) {
  std::string out;
  std::string_view rest = kind.tree;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n') + 1);
    rest.remove_prefix(line.size());
    out += std::string(to) + named(line.substr(1), from);
  }
  return out;
}

int wantedError(const Kind& from, const Kind& to, RenameMode mode) {
  const bool exchange = mode == RenameMode::exchange;
  if (from.shown == Kind::absent) return ENOENT;
  if (mode == RenameMode::noReplace && to.shown != Kind::absent) return EEXIST;
  if (exchange && to.shown == Kind::absent) return ENOENT;
  if (from.inLower || (exchange && to.inLower)) return EXDEV;
  if (exchange || to.shown == Kind::absent) return 0;
  if (isDir(from) && !isDir(to)) return ENOTDIR;
  if (!isDir(from) && isDir(to)) return EISDIR;
  return to.shown == Kind::fullDir ? ENOTEMPTY : 0;
}

std::string wantedTree(const Kind& from, const Kind& to, RenameMode mode) {
  if (wantedError(from, to, mode) != 0) return moved(from, "a", "a") + moved(to, "b", "b");
  return (mode == RenameMode::exchange ? moved(to, "b", "a") : "") + moved(from, "a", "b");
}

void fixModes(const std::filesystem::path& root) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const auto status = entry.symlink_status();
    if (std::filesystem::is_regular_file(status)) ::chmod(entry.path().c_str(), 0644);
    if (std::filesystem::is_directory(status)) ::chmod(entry.path().c_str(), 0755);
  }
}

void checkCase(const Kind& from, const Kind& to, RenameMode mode, bool warm) {
  LayerFixture layers;
  layers.lower(named(from.lower, "a") + "\n" + named(to.lower, "b")).upper(named(from.upper, "a") + "\n" + named(to.upper, "b"));
  fixModes(layers.lowerPath());
  fixModes(layers.upperPath());
  const std::string lower = layers.dumpLower();
  const auto check = [&](const std::string& is, const std::string& wanted, const char* what) {
    if (is == wanted) return;
    const std::string place =
        std::string(from.name) + " to " + to.name + ", mode " + testing::show(mode) + (warm ? ", warm: " : ", cold: ");
    testing::recordFailure(__FILE__, __LINE__, place + what + "\n" + is + "    wanted:\n" + wanted);
  };
  {
    const auto overlay = layers.open();
    REQUIRE(overlay);
    MergedView view(*overlay, std::string(from.name) + " to " + to.name + ": ");
    if (warm) view.dump();
    const Status done = overlay->rename(kRoot, kRootNode, "a", kRootNode, "b", mode);
    check(std::to_string(done.ok() ? 0 : done.error().value()), std::to_string(wantedError(from, to, mode)), "errno");
    check(view.dump(), wantedTree(from, to, mode), "the live union");
  }
  check(testing::dumpAnew(layers), wantedTree(from, to, mode), "mounted anew");
  check(layers.dumpLower(), lower, "the lower");
}

void checkMatrix(RenameMode mode) {
  const testing::TempInMemory memory;  // hundreds of unions are made
  for (const Kind& from : kKinds) {
    for (const Kind& to : kKinds) {
      checkCase(from, to, mode, false);
      checkCase(from, to, mode, true);
    }
  }
}

TEST("rename of everything over everything") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  checkMatrix(RenameMode::replace);
}

TEST("rename without replacing of everything over everything") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  checkMatrix(RenameMode::noReplace);
}

TEST("exchange of everything with everything") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  checkMatrix(RenameMode::exchange);
}

TEST("a file goes into another directory and keeps its node and number") {
  LayerFixture layers;
  layers.lower("f = text\nd/");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const Attr before = view.attr("f");
  const NodeId node = view.node("f");
  EXPECT(overlay->rename(kRoot, kRootNode, "f", view.node("d"), "g", RenameMode::replace).ok());
  EXPECT_EQ(view.node("d/g"), node);
  EXPECT_EQ(view.attr("d/g").ino, before.ino);
  EXPECT_EQ(view.read("d/g"), "text");
  EXPECT(!view.find("f"));
}

TEST("files below a renamed directory are found by their nodes") {
  LayerFixture layers;
  layers.upper("a/\na/b/\na/b/f = text\nd/");
  const auto overlay = layers.open({.fdBudget = 0});  // nothing cached: every way is walked anew
  REQUIRE(overlay);
  MergedView view(*overlay);
  const NodeId file = view.node("a/b/f"), dir = view.node("a/b");
  EXPECT(overlay->rename(kRoot, kRootNode, "a", view.node("d"), "moved", RenameMode::replace).ok());
  EXPECT(overlay->getattr(file).ok());
  EXPECT(overlay->mknod(kRoot, dir, "g", {S_IFREG | 0644, 0}).ok());
  EXPECT_EQ(layers.dumpUpper(), "d/\nd/moved/\nd/moved/b/\nd/moved/b/f = text\nd/moved/b/g = \n");
}

TEST("a name that a directory left is free again, also when a call of the rename was refused") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  for (uint64_t at = 0; at <= 5; ++at) {
    LayerFixture layers;
    layers.lower("b/\nb/hidden = 1").upper("a/\nb whiteout");
    const auto overlay = layers.open();
    REQUIRE(overlay);
    MergedView view(*overlay);
    view.dump();
    fault::arm({.effect = at == 0 ? fault::Effect::none : fault::Effect::fail, .at = at, .error = EPERM});
    const Status done = overlay->rename(kRoot, kRootNode, "a", kRootNode, "b", RenameMode::replace);
    fault::disarm();
    const auto made = overlay->mknod(kRoot, kRootNode, "a", {S_IFREG | 0644, 0});
    if (made.ok()) view.take(*made);
    EXPECT(done.ok() ? made.ok() : made.failsWith(EEXIST));
  }
}

TEST("renaming a name to itself, or to another name of its file, does nothing") {
  LayerFixture layers;
  layers.upper("f = text");
  std::filesystem::create_hard_link(layers.upperPath() / "f", layers.upperPath() / "g");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  EXPECT(overlay->rename(kRoot, kRootNode, "f", kRootNode, "f", RenameMode::replace).ok());
  EXPECT(overlay->rename(kRoot, kRootNode, "f", kRootNode, "g", RenameMode::replace).ok());
  EXPECT_EQ(layers.dumpUpper(), "f = text\ng = text\n");
}

TEST("a file that is replaced while open is read on") {
  LayerFixture layers;
  layers.lower("f = new").upper("g = old!");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  MergedView view(*overlay);
  const NodeId old = view.node("g");
  EXPECT(overlay->rename(kRoot, kRootNode, "f", kRootNode, "g", RenameMode::replace).ok());
  EXPECT_EQ(view.read("g"), "new");
  char text[8];
  const auto got = overlay->read(old, std::as_writable_bytes(std::span(text)), 0);
  EXPECT(got.ok() && std::string_view(text, *got) == "old!");
  EXPECT_EQ(overlay->getattr(old)->nlink, 0U);
}

}  // namespace
}  // namespace unionfs

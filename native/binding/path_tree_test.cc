// path_tree_test.cc - the engine by path: walks, handles, and open files that lose their names.
#include "binding/path_tree.h"

#include <sys/stat.h>

#include <array>
#include <set>

#include "testing/layer_fixture.h"
#include "testing/test.h"

namespace unionfs::binding {
namespace {

using testing::LayerFixture;

constexpr const char* kHiddenName = "/d/.fuse_hidden0000000200000001";

std::string content(PathTree& tree, Handle handle) {
  std::array<std::byte, 64> buffer{};
  const auto count = tree.read(handle, buffer, 0);
  return count.ok() ? std::string(reinterpret_cast<const char*>(buffer.data()), *count) : "errno " + std::to_string(count.error().value());
}

Result<size_t> put(PathTree& tree, Handle handle, std::string_view text) { return tree.write(handle, std::as_bytes(std::span(text)), 0); }

std::string names(PathTree& tree, std::string_view path) {
  const auto entries = tree.readdir(path);
  if (!entries.ok()) return "errno " + std::to_string(entries.error().value());
  std::set<std::string> sorted;
  for (const PathEntry& entry : *entries) sorted.insert(entry.name);
  std::string out;
  for (const std::string& name : sorted) out += name + ' ';
  return out;
}

TEST("a walk gives back every count it took") {
  LayerFixture layers;
  layers.lower("a/\na/b/\na/b/c = text");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  {
    PathTree tree(*overlay);
    EXPECT(tree.getattr("/a/b/c").ok());
    EXPECT(tree.getattr("/").ok());
    EXPECT(tree.getattr("/a/b/none").failsWith(ENOENT));
    EXPECT(tree.getattr("/a/none/c").failsWith(ENOENT));
    EXPECT(tree.getattr("/a/b/c/d").failsWith(ENOTDIR));
    EXPECT(tree.getattr("a").failsWith(EINVAL));
    EXPECT(tree.mkdir("/a/new", 0755).ok());
    EXPECT(tree.symlink("target", "/a/link").ok());
    EXPECT(tree.link("/a/b/c", "/a/c").ok());
    EXPECT(tree.rename("/a/c", "/a/d").ok());
    EXPECT(tree.unlink("/a/d").ok());
    EXPECT(tree.rmdir("/a/new").ok());
    EXPECT_EQ(*tree.readlink("/a/link"), "target");
    const auto handle = tree.open("/a/b/c");
    REQUIRE(handle.ok());
    tree.release(*handle);
    tree.release(*handle);  // known no more
    EXPECT_EQ(tree.handles(), size_t{0});
  }
  EXPECT_EQ(overlay->stats().lookups, uint64_t{0});
}

TEST("the root has no name to make or remove") {
  LayerFixture layers;
  layers.lower("a = 1");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  PathTree tree(*overlay);
  EXPECT(tree.mkdir("/", 0755).failsWith(EINVAL));
  EXPECT(tree.unlink("/").failsWith(EINVAL));
  EXPECT_EQ(names(tree, "/"), ". .. a ");
}

TEST("a handle reads and changes the file whatever its name is by now, and is EBADF after its release") {
  LayerFixture layers;
  layers.lower("a = old");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  PathTree tree(*overlay);
  const auto handle = tree.open("/a");
  REQUIRE(handle.ok());
  EXPECT(tree.rename("/a", "/b").ok());
  EXPECT(put(tree, *handle, "new").ok());
  EXPECT_EQ(content(tree, *handle), "new");
  EXPECT(tree.truncate(*handle, 1).ok());
  EXPECT_EQ(tree.getattr("/b")->size, uint64_t{1});
  EXPECT(tree.fsync(*handle, false).ok());
  tree.release(*handle);
  EXPECT_EQ(content(tree, *handle), "errno " + std::to_string(EBADF));
}

TEST("an open file that is moved to a hidden name is removed, and reached by that name until it is unlinked") {
  LayerFixture layers;
  layers.lower("d/\nd/a = text").upper("");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  PathTree tree(*overlay);
  const auto handle = tree.open("/d/a");
  REQUIRE(handle.ok());
  EXPECT(tree.rename("/d/a", kHiddenName).ok());
  EXPECT_EQ(names(tree, "/d"), ". .. ");
  EXPECT(tree.getattr("/d/a").failsWith(ENOENT));
  EXPECT_EQ(tree.getattr(kHiddenName)->nlink, 0U);
  EXPECT(put(tree, *handle, "more").ok());
  EXPECT_EQ(content(tree, *handle), "more");
  tree.release(*handle);
  EXPECT(tree.unlink(kHiddenName).ok());
  EXPECT(tree.getattr(kHiddenName).failsWith(ENOENT));
  EXPECT_EQ(overlay->stats().lookups, uint64_t{0});
}

TEST("a directory that moves takes its hidden names along") {
  LayerFixture layers;
  layers.upper("d/\nd/a = text");
  layers.lower("");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  PathTree tree(*overlay);
  const auto handle = tree.open("/d/a");
  REQUIRE(handle.ok());
  EXPECT(tree.rename("/d/a", kHiddenName).ok());
  EXPECT(tree.rename("/d", "/e").ok());
  EXPECT(tree.getattr(kHiddenName).failsWith(ENOENT));
  EXPECT(tree.getattr("/e/.fuse_hidden0000000200000001").ok());
  EXPECT(tree.rmdir("/e").ok());
}

TEST("a name that looks hidden is an ordinary one unless an open file is moved to it within its directory") {
  LayerFixture layers;
  layers.lower("d/\nd/a = text\nd/b = text\ne/");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  PathTree tree(*overlay);
  EXPECT(tree.rename("/d/a", kHiddenName).ok());
  EXPECT_EQ(names(tree, "/d"), ". .. .fuse_hidden0000000200000001 b ");
  const auto handle = tree.open("/d/b");
  REQUIRE(handle.ok());
  EXPECT(tree.rename("/d/b", "/e/.fuse_hidden0000000200000002").ok());
  EXPECT(tree.rename("/e/.fuse_hidden0000000200000002", "/e/.fuse_hiddenAndNoNumber").ok());
  EXPECT_EQ(names(tree, "/e"), ". .. .fuse_hiddenAndNoNumber ");
}

TEST("without an upper every change by path is EROFS") {
  LayerFixture layers;
  layers.lower("a = 1\nd/").readOnly();
  const auto overlay = layers.open();
  REQUIRE(overlay);
  PathTree tree(*overlay);
  EXPECT(tree.create("/n", 0644).failsWith(EROFS));
  EXPECT(tree.unlink("/a").failsWith(EROFS));
  EXPECT(tree.rmdir("/d").failsWith(EROFS));
  EXPECT(tree.setattr("/a", {}).failsWith(EROFS));
  EXPECT(tree.setxattr("/a", "user.x", "v", XattrSetMode::any).failsWith(EROFS));
  const auto handle = tree.open("/a");
  REQUIRE(handle.ok());
  EXPECT(put(tree, *handle, "x").failsWith(EROFS));
}

}  // namespace
}  // namespace unionfs::binding

#include "overlay/ino.h"

#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>

#include "sys/creds.h"
#include "testing/layer_fixture.h"
#include "testing/merged_view.h"
#include "testing/test.h"

namespace fs = std::filesystem;

namespace unionfs {
namespace {

using testing::LayerFixture;
using testing::MergedView;

constexpr Caller kRoot{};

AttrChange newMode() {
  AttrChange change;
  change.mode = 0700;
  return change;
}

// Every path of the union with the number stat shows. dump() has compared them with what readdir shows.
using Numbers = std::map<std::string, uint64_t>;

void collect(MergedView& view, NodeId dir, const std::string& prefix, Numbers& numbers) {
  for (const auto& [name, listed] : view.list(dir)) {
    const auto entry = view.lookup(dir, name);
    if (!entry) continue;
    numbers[prefix + name] = entry->attr.ino;
    EXPECT_EQ(listed.ino, entry->attr.ino);
    if (S_ISDIR(entry->attr.mode)) collect(view, entry->node, prefix + name + "/", numbers);
  }
}

Numbers numbersOf(Overlay& overlay) {
  MergedView view(overlay);
  Numbers numbers{{"", view.attr("").ino}};
  collect(view, kRootNode, "", numbers);
  return numbers;
}

TEST("numbers stay over a copy-up of everything, and over the next mount") {
  LayerFixture layers;
  layers.lower("f = 1\nd/\nd/f = 1\nd/sub/\nd/link -> x\nm/\nm/a = 1").lower("m/\nm/b = 1").upper("own = 1\nm/\nm/c = 1");
  Numbers before;
  {
    const auto overlay = layers.open();
    REQUIRE(overlay);
    before = numbersOf(*overlay);
    MergedView view(*overlay);
    for (const char* path : {"f", "d/f", "d/sub", "m/a", "m/b"}) EXPECT(overlay->setattr(kRoot, view.node(path), newMode()).ok());
    AttrChange owner;
    owner.uid = 1;
    EXPECT(overlay->setattr(kRoot, view.node("d/link"), owner).ok());
    EXPECT(numbersOf(*overlay) == before);
  }
  const auto anew = layers.open();
  REQUIRE(anew);
  for (const auto& [path, ino] : numbersOf(*anew)) {
    if (ino != before[path]) testing::recordFailure(__FILE__, __LINE__, "another number after mounting anew: " + path);
  }
}

TEST("a copy that was renamed is found by its origin in the next mount") {
  LayerFixture layers;
  layers.lower("f = 1\nd/\nd/g = 1");
  Numbers before;
  {
    const auto overlay = layers.open();
    REQUIRE(overlay);
    before = numbersOf(*overlay);
    MergedView view(*overlay);
    EXPECT(overlay->rename(kRoot, kRootNode, "f", view.node("d"), "moved", RenameMode::replace).ok());
    EXPECT_EQ(view.attr("d/moved").ino, before["f"]);
  }
  const auto anew = layers.open();
  REQUIRE(anew);
  if (!sys::hasCapability(CAP_DAC_READ_SEARCH) || !sys::inInitialUserNamespace()) SKIP("needs the right to open file handles");
  EXPECT_EQ(numbersOf(*anew)["d/moved"], before["f"]);
}

TEST("one number on each of three hundred filesystems gives three hundred numbers, however wide it is") {
  constexpr size_t kFilesystems = 300;
  for (const uint64_t real : {uint64_t{1}, uint64_t{1} << 40U, (uint64_t{1} << 55U) - 1, uint64_t{1} << 60U, UINT64_MAX}) {
    std::set<uint64_t> numbers;
    for (size_t filesystem = 0; filesystem < kFilesystems; ++filesystem) numbers.insert(composeIno(kFilesystems, filesystem, real));
    EXPECT_EQ(numbers.size(), kFilesystems);
  }
  EXPECT_EQ(composeIno(2, 1, 5), (uint64_t{2} << 56U) | 5U);
  EXPECT_EQ(composeIno(255, 254, 5), (uint64_t{255} << 56U) | 5U);
}

TEST("files of two filesystems with one number are told apart") {
  const testing::TempDir temp;
  EXPECT(testing::writeTree(temp.path(), "lower/\nlower/on-disk = 1\nupper/\nwork/"));
  const fs::path memory = "/dev/shm/unionfs-test-ino-" + std::to_string(::getpid());
  if (!testing::writeTree(memory, "in-memory = 1\nd/\nd/f = 1")) SKIP("needs /dev/shm");
  struct stat here {
  }, there{};
  const bool two = ::stat(temp.path().c_str(), &here) == 0 && ::stat(memory.c_str(), &there) == 0 && here.st_dev != there.st_dev;
  if (two) {
    StackError error;
    auto stack = LayerStack::open({.lowers = {memory.string(), (temp.path() / "lower").string()},
                                   .upper = (temp.path() / "upper").string(),
                                   .workdir = (temp.path() / "work").string()},
                                  error);
    REQUIRE(stack);
    EXPECT_EQ(stack->filesystems(), 2U);
    const auto overlay = Overlay::open(std::move(stack), {});
    REQUIRE(overlay.ok());
    const Numbers before = numbersOf(**overlay);
    EXPECT(before.at("in-memory") >> 56U != before.at("on-disk") >> 56U);
    MergedView view(**overlay);
    for (const char* path : {"in-memory", "on-disk", "d/f"}) EXPECT((*overlay)->setattr(kRoot, view.node(path), newMode()).ok());
    EXPECT(numbersOf(**overlay) == before);
  } else {
    testing::recordSkip("the temporary directory is on /dev/shm itself");
  }
  fs::remove_all(memory);
}

TEST("on one filesystem the numbers are the real ones, a merged directory's its topmost lower's") {
  LayerFixture layers;
  layers.lower("f = 1\nd/").lower("d/").upper("u = 1\nd/");
  const auto overlay = layers.open();
  REQUIRE(overlay);
  Numbers numbers = numbersOf(*overlay);
  const auto real = [](const fs::path& path) {
    struct stat stat {};
    return ::lstat(path.c_str(), &stat) == 0 ? stat.st_ino : 0;
  };
  EXPECT_EQ(numbers["f"], real(layers.lowerPath(0) / "f"));
  EXPECT_EQ(numbers["u"], real(layers.upperPath() / "u"));
  EXPECT_EQ(numbers["d"], real(layers.lowerPath(0) / "d"));
  EXPECT_EQ(numbers[""], real(layers.lowerPath(0)));
}

}  // namespace
}  // namespace unionfs

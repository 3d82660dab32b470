// read_fault_test.cc - each system call that asks a layer fails once: an error is never taken for absence.
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cstring>
#include <filesystem>
#include <map>

#include "sys/fault.h"
#include "testing/layer_fixture.h"
#include "testing/temp_in_memory.h"
#include "testing/test.h"

namespace fs = std::filesystem;

namespace unionfs {
namespace {

using testing::LayerFixture;

constexpr const char* kNoMarkers = "needs the right to make devices and trusted xattrs";
constexpr Caller kRoot{};
constexpr uint64_t kMostCalls = 300;

// Runs `work` with the first, second, third ... reading call failing, until it makes no more of them.
template <typename Work>
void withEachReadFailing(Work&& work, bool lasting = false) {
  for (uint64_t at = 1;; ++at) {
    REQUIRE(at < kMostCalls);
    if (!work(fault::Plan{.effect = fault::Effect::fail, .at = at, .error = EIO, .calls = fault::Calls::reading, .lasting = lasting}))
      return;
  }
}

bool setXattr(const fs::path& path, const char* name, std::string_view value) {
  return ::lsetxattr(path.c_str(), name, value.data(), value.size(), 0) == 0;
}

// Every way to hide a name, in a layer between two others; what it hides, below it.
void hideAll(LayerFixture& layers) {
  layers.lower("dev whiteout\n.wh.file = \nwhite/\nwhite/gone = \no1/\no1/.wh..wh..opq = \no2/\no3/\nshown = 1")
      .lower("dev = 1\nfile = 1\nwhite/\nwhite/gone = 1\no1/\no1/x = 1\no2/\no2/x = 1\no3/\no3/x = 1\nbelow = 1")
      .upper("up whiteout\n.wh.upfile = \no1/")
      .lower("up = 1\nupfile = 1");
  const fs::path top = layers.lowerPath(0);
  EXPECT(setXattr(top / "white", "trusted.overlay.opaque", "x"));
  EXPECT(setXattr(top / "white/gone", "trusted.overlay.whiteout", ""));
  EXPECT(setXattr(top / "o2", "trusted.overlay.opaque", "y"));
  EXPECT(setXattr(top / "o3", "user.fuseoverlayfs.opaque", "y"));
}

// "shown", "absent" or the error.
std::string seen(Overlay& overlay, std::string_view path) {
  NodeId node = kRootNode;
  for (;;) {
    const size_t slash = path.find('/');
    const auto entry = overlay.lookup(node, path.substr(0, slash));
    if (!entry.ok()) return "errno " + std::to_string(entry.error().value());
    if (!*entry) return "absent";
    if (slash == std::string_view::npos) return "shown";
    node = (*entry)->node;
    path.remove_prefix(slash + 1);
  }
}

const std::map<std::string, std::string> kNames = {
    {"dev", "absent"},  {"file", "absent"}, {"white/gone", "absent"}, {"o1/x", "absent"}, {"o2/x", "absent"},
    {"o3/x", "absent"}, {"up", "absent"},   {"upfile", "absent"},     {"shown", "shown"}, {"below", "shown"},
};

TEST("a layer that cannot be read for a moment brings no deleted name back, and hides none") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  const testing::TempInMemory memory;
  LayerFixture layers;
  hideAll(layers);
  for (const auto& [path, wanted] : kNames) {
    withEachReadFailing([&](const fault::Plan& plan) {
      const auto overlay = layers.open();
      fault::arm(plan);
      const std::string now = seen(*overlay, path);
      const bool reached = fault::passed() >= plan.at;
      fault::disarm();
      const std::string later = seen(*overlay, path);
      if (now != wanted && now != "errno " + std::to_string(EIO)) testing::recordFailure(__FILE__, __LINE__, path + " is " + now);
      if (later != wanted) testing::recordFailure(__FILE__, __LINE__, path + " is later " + later);
      return reached;
    });
  }
}

// Names of a directory, or the error.
std::string listed(Overlay& overlay, NodeId dir) {
  std::map<std::string, bool> names;
  const Status read = overlay.readdir(dir, 0, [&names](const DirEntry& entry) {
    if (entry.name != "." && entry.name != "..") names.emplace(entry.name, true);
    return true;
  });
  if (!read.ok()) return "errno " + std::to_string(read.error().value());
  std::string text;
  for (const auto& [name, there] : names) text += name + " ";
  return text;
}

TEST("a listing with a name that cannot be looked at fails, and leaves nothing out") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  const testing::TempInMemory memory;
  LayerFixture layers;
  hideAll(layers);
  for (const auto& [path, wanted] : std::map<std::string, std::string>{{"", "below o1 o2 o3 shown white "}, {"white", ""}, {"o2", ""}}) {
    withEachReadFailing([&](const fault::Plan& plan) {
      const auto overlay = layers.open();
      const auto entry = path.empty() ? Result<MaybeEntry>(MaybeEntry(Entry{kRootNode, {}})) : overlay->lookup(kRootNode, path);
      if (!entry.ok() || !*entry) return false;
      fault::arm(plan);
      const std::string now = listed(*overlay, (*entry)->node);
      const bool reached = fault::passed() >= plan.at;
      fault::disarm();
      if (now != wanted && now != "errno " + std::to_string(EIO)) testing::recordFailure(__FILE__, __LINE__, path + " lists " + now);
      EXPECT_EQ(listed(*overlay, (*entry)->node), wanted);
      return reached;
    });
  }
}

TEST("where the directory's default ACL cannot be read nothing is made without it") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  // struct posix_acl_xattr_header and five entries: user::rwx user:1:rwx group::--- mask::rwx other::---
  const auto entry = [](uint16_t tag, uint16_t perm, uint32_t id) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &tag, 2);
    std::memcpy(bytes.data() + 2, &perm, 2);
    std::memcpy(bytes.data() + 4, &id, 4);
    return bytes;
  };
  constexpr uint32_t kNobody = UINT32_MAX;
  const std::string acl = std::string("\2\0\0\0", 4) + entry(1, 7, kNobody) + entry(2, 7, 1) + entry(4, 0, kNobody) +
                          entry(16, 7, kNobody) + entry(32, 0, kNobody);
  withEachReadFailing([&](const fault::Plan& plan) {
    const testing::TempInMemory memory;
    LayerFixture layers;
    layers.lower("d/\nd/n = old").upper("d/\nd/n whiteout");
    EXPECT(setXattr(layers.upperPath() / "d", "system.posix_acl_default", acl));
    const auto overlay = layers.open();
    const auto dir = overlay->lookup(kRootNode, "d");
    if (!dir.ok() || !*dir) return false;
    fault::arm(plan);
    const auto made = overlay->mknod(kRoot, (*dir)->node, "n", {.mode = S_IFREG | 0666, .rdev = 0});
    const bool reached = fault::passed() >= plan.at;
    fault::disarm();
    struct stat stat {};
    const fs::path file = layers.upperPath() / "d/n";
    const bool isThere = ::lstat(file.c_str(), &stat) == 0 && S_ISREG(stat.st_mode);
    if (isThere) EXPECT(::lgetxattr(file.c_str(), "system.posix_acl_access", nullptr, 0) > 0);
    EXPECT(isThere || !made.ok());
    return reached;
  });
}

// Changes that read a lower first.
Status changeIt(Overlay& overlay, const std::string& path) {
  NodeId node = kRootNode;
  for (const char* name : {"d", "e"}) {
    TRY_ASSIGN(const MaybeEntry entry, overlay.lookup(node, name));
    node = entry ? entry->node : 0;
  }
  TRY_ASSIGN(const MaybeEntry found, overlay.lookup(node, path));
  AttrChange change;
  change.mode = 0600;
  if (path == "cut") change.size = 70'000;
  TRY(overlay.setattr(kRoot, found ? found->node : 0, change));
  return success();
}

void makeDeepLower(LayerFixture& layers) {
  const std::string text(100'000, 'x');
  layers.lower("d/\nd/e/\nd/e/f = " + text + "\nd/e/cut = " + text + "\nd/e/dir/\nd/e/pipe fifo");
  EXPECT(setXattr(layers.lowerPath() / "d/e/f", "user.mine", "1"));
}

TEST("a lower that cannot be read does not make the mount read-only") {
  for (const char* path : {"f", "cut", "dir", "pipe"}) {
    withEachReadFailing(
        [path](const fault::Plan& plan) {
          const testing::TempInMemory memory;
          LayerFixture layers;
          makeDeepLower(layers);
          const auto overlay = layers.open();
          fault::arm(plan);
          const Status changed = changeIt(*overlay, path);
          const bool reached = fault::passed() >= plan.at;
          fault::disarm();
          if (overlay->stats().upperBroken)
            testing::recordFailure(__FILE__, __LINE__, std::string(path) + " at " + std::to_string(plan.at));
          EXPECT(changed.ok() || changed.failsWith(EIO));
          EXPECT(changeIt(*overlay, path).ok());
          return reached;
        },
        true);
  }
}

TEST("an upper that fails while a copy is made is broken") {
  if (!testing::mayMakeMarkers()) SKIP(kNoMarkers);
  for (const char* path : {"f", "cut", "dir", "pipe"}) {
    for (uint64_t at = 1;; ++at) {
      REQUIRE(at < kMostCalls);
      const testing::TempInMemory memory;
      LayerFixture layers;
      makeDeepLower(layers);
      const auto overlay = layers.open();
      fault::arm({.effect = fault::Effect::fail, .at = at, .error = EIO});
      const Status changed = changeIt(*overlay, path);
      const bool reached = fault::passed() >= at;
      fault::disarm();
      if (changed.failsWith(EIO) && !overlay->stats().upperBroken) {
        testing::recordFailure(__FILE__, __LINE__, std::string(path) + ": not noted at call " + std::to_string(at));
      }
      if (!reached) break;
    }
  }
}

}  // namespace
}  // namespace unionfs

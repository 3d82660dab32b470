#include "daemon/plain_stack.h"

#include <filesystem>
#include <fstream>
#include <functional>

#include "sys/creds.h"
#include "testing/layer_fixture.h"
#include "testing/test.h"

namespace unionfs::daemon {
namespace {

namespace fs = std::filesystem;

// a, b: lowers; u, w: upper and work directory; m: mount point; r: the list of live mounts.
struct Fixture {
  Fixture() {
    for (const char* name : {"a", "b", "u", "w", "m", "r"}) fs::create_directories(dir.path() / name);
    request.lowers = {at("a"), at("b")};
    request.upper = at("u");
    request.workdir = at("w");
    request.mountpoint = at("m");
  }
  [[nodiscard]] std::string at(const std::string& name) const { return dir.path() / name; }
  [[nodiscard]] bool isPlain() const { return resolvePlainStack(request, {at("r")}).has_value(); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(at(name)) << text; }

  testing::TempDir dir;
  PlainRequest request;
};

TEST("directories that lie apart are plain, and symlinks to them are followed") {
  Fixture fixture;
  if (sys::ownUid() != 0) SKIP("a tmpfs is plain for root only");
  fs::create_directory_symlink("a", fixture.at("link"));
  fixture.request.lowers[0] = fixture.at("link");
  const auto stack = resolvePlainStack(fixture.request, {});
  REQUIRE(stack.has_value());
  EXPECT_EQ(stack->lowers[0], fs::canonical(fixture.at("a")).string());
  EXPECT_EQ(stack->upper, fs::canonical(fixture.at("u")).string());
  EXPECT(stack->upperIdentity.find(':') != std::string::npos && stack->upperIdentity != stack->workdirIdentity);
}

TEST("layers that overlap, are missing or come twice are not plain") {
  if (sys::ownUid() != 0) SKIP("a tmpfs is plain for root only");
  const auto refused = [](const std::function<void(Fixture&)>& change) {
    Fixture fixture;
    if (!fixture.isPlain()) return false;
    change(fixture);
    return !fixture.isPlain();
  };
  EXPECT(refused([](Fixture& f) { f.request.lowers[1] = f.at("a"); }));
  EXPECT(refused([](Fixture& f) { f.request.lowers[1] = f.at("gone"); }));
  EXPECT(refused([](Fixture& f) { f.request.lowers[1] = f.at("u"); }));
  EXPECT(refused([](Fixture& f) { f.request.lowers[1] = f.dir.path(); }));
  EXPECT(refused([](Fixture& f) { f.request.workdir = f.at("u"); }));
  EXPECT(refused([](Fixture& f) { f.request.workdir = f.at("gone"); }));
  EXPECT(refused([](Fixture& f) { fs::create_directory(f.request.workdir = f.at("u") + "/w"); }));
  EXPECT(refused([](Fixture& f) { fs::create_directory(f.request.lowers[1] = f.at("u") + "/l"); }));
  EXPECT(refused([](Fixture& f) { fs::create_directory(f.request.mountpoint = f.at("u") + "/m"); }));
  EXPECT(refused([](Fixture& f) { fs::create_directory(f.request.mountpoint = f.at("a") + "/m"); }));
  EXPECT(refused([](Fixture& f) { f.request.mountpoint = "/"; }));
  EXPECT(refused([](Fixture& f) { f.write("file", ""), f.request.mountpoint = f.at("file"); }));
  EXPECT(refused([](Fixture& f) { fs::create_directory(f.request.lowers[1] = f.at("new\nline")); }));
  EXPECT(refused([](Fixture& f) { fs::create_directory(f.request.lowers[1] = f.at("\xff")); }));
}

TEST("a work directory with somebody's files in it is not plain, one of ours or the kernel's is") {
  if (sys::ownUid() != 0) SKIP("a tmpfs is plain for root only");
  const Fixture fixture;
  for (const char* own : {"w/work", "w/index"}) fs::create_directory(fixture.at(own));
  EXPECT(fixture.isPlain());
  fixture.write("w/letter", "dear");
  EXPECT(!fixture.isPlain());
}

TEST("a stack that shares what it writes with a live mount is not plain") {
  if (sys::ownUid() != 0) SKIP("a tmpfs is plain for root only");
  Fixture fixture;
  const auto own = resolvePlainStack(fixture.request, {});
  REQUIRE(own.has_value());
  fixture.write("r/1.json", R"({"lowers":["/elsewhere"],"upperIdentity":"1:2","workdirIdentity":"1:3"})");
  EXPECT(fixture.isPlain());
  fixture.write("r/2.json", "{\"lowers\":[\"" + own->upper + "\"]}");
  EXPECT(!fixture.isPlain());
  fs::remove(fixture.at("r/2.json"));
  // What is the upper here is written there.
  fixture.request.lowers = {fixture.at("u")};
  fixture.request.upper = fixture.at("b");
  EXPECT(fixture.isPlain());
  fixture.write("r/3.json", "{\"lowers\":[],\"upperIdentity\":\"" + own->upperIdentity + "\"}");
  EXPECT(!fixture.isPlain());
}

TEST("a read-only stack has neither upper nor work directory") {
  Fixture fixture;
  fixture.request.upper = fixture.request.workdir = "";
  const auto stack = resolvePlainStack(fixture.request, {});
  REQUIRE(stack.has_value());
  EXPECT_EQ(stack->upper, "");
  EXPECT_EQ(stack->upperIdentity, "");
}

}  // namespace
}  // namespace unionfs::daemon

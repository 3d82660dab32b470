#include "fuse/reply.h"

#include <sys/sysmacros.h>

#include <string>
#include <vector>

#include "testing/fake_kernel.h"
#include "testing/test.h"

namespace unionfs {
namespace {

DirEntry entryNamed(std::string_view name, uint64_t cookie) { return {.name = name, .ino = 100 + cookie, .cookie = cookie, .type = 8}; }

testing::Bytes toBytes(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

TEST("a directory entry that fits to the byte is taken and one byte less refuses it untouched") {
  for (size_t length = 1; length <= 255; ++length) {
    const std::string name(length, 'x');
    const size_t size = abi::recordAlign(24 + length);
    std::vector<std::byte> buffer(size);
    DirPacker exact(buffer);
    EXPECT(exact.add(entryNamed(name, 1)));
    EXPECT_EQ(exact.bytes().size(), size);
    EXPECT(!exact.add(entryNamed("y", 2)));
    DirPacker tight{std::span(buffer).first(size - 1)};
    EXPECT(!tight.add(entryNamed(name, 1)));
    EXPECT_EQ(tight.bytes().size(), 0U);
  }
}

TEST("packed entries come out as they went in") {
  std::vector<std::byte> buffer(4096);
  DirPacker packer(buffer);
  const Entry resolved{.node = 77, .attr = {}};
  EXPECT(packer.addPlus(entryNamed(".", 1), nullptr));
  EXPECT(packer.addPlus(entryNamed("file", 2), &resolved));
  const auto listed = testing::parseListing(toBytes(packer.bytes()), true);
  REQUIRE(listed.size() == 2);
  EXPECT_EQ(listed[0].node, 0U);
  EXPECT_EQ(listed[1].name, "file");
  EXPECT_EQ(listed[1].node, 77U);
  EXPECT_EQ(listed[1].ino, 102U);
  EXPECT_EQ(listed[1].cookie, 2U);
  EXPECT_EQ(listed[1].type, 8U);
}

TEST("the padding behind a name is zeros, whatever the buffer held") {
  std::vector<std::byte> buffer(64, std::byte{0xff});
  DirPacker packer(buffer);
  EXPECT(packer.add(entryNamed("abc", 1)));
  for (size_t i = 27; i < 32; ++i) EXPECT_EQ(static_cast<int>(buffer[i]), 0);
}

TEST("a name that is absent is node 0 with a lasting timeout") {
  const abi::EntryOut out = encodeAbsence();
  EXPECT_EQ(out.nodeid, 0U);
  EXPECT(out.entry_valid > 1'000'000'000);
}

TEST("device numbers keep twelve bits of major and twenty of minor") {
  for (const auto& [high, low] : {std::pair{0U, 0U}, {1U, 3U}, {8U, 255U}, {259U, 256U}, {4095U, 0xfffffU}}) {
    const dev_t device = makedev(high, low);
    EXPECT_EQ(decodeDevice(encodeDevice(device)), device);
  }
  EXPECT_EQ(encodeDevice(makedev(8, 1)), 0x801U);
}

TEST("times before 1970 keep their sign") {
  Attr attr;
  attr.mtime = {.sec = -5, .nsec = 7};
  EXPECT_EQ(static_cast<int64_t>(encodeAttr(attr).mtime), -5);
  EXPECT_EQ(encodeStatx(attr).stat.mtime.tv_sec, -5);
}

TEST("statx carries a birth time only where the layer has one") {
  Attr attr;
  EXPECT_EQ(encodeStatx(attr).stat.mask & 0x800U, 0U);
  attr.btime = Time{.sec = 5, .nsec = 6};
  EXPECT_EQ(encodeStatx(attr).stat.mask & 0x800U, 0x800U);
  EXPECT_EQ(encodeStatx(attr).stat.btime.tv_sec, 5);
}

}  // namespace
}  // namespace unionfs

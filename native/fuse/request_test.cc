#include "fuse/request.h"

#include <string>
#include <vector>

#include "testing/test.h"

namespace unionfs {
namespace {

std::vector<std::byte> messageOf(uint32_t claimed, const std::string& body, uint16_t extensions = 0) {
  abi::InHeader header{};
  header.len = claimed;
  header.opcode = abi::kLookup;
  header.unique = 7;
  header.nodeid = 3;
  header.uid = 1000;
  header.gid = 100;
  header.total_extlen = extensions;
  std::vector<std::byte> bytes(sizeof header + body.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, body.data(), body.size());
  return bytes;
}

Arguments argumentsOf(const std::string& body) { return Arguments(std::as_bytes(std::span(body))); }

TEST("a message is refused unless its header is whole and its length is what was received") {
  const auto good = messageOf(44, std::string("abc\0", 4));
  EXPECT(Request::parse(good).ok());
  EXPECT(Request::parse(std::span(good).first(39)).failsWith(EINVAL));
  EXPECT(Request::parse(std::span(good).first(43)).failsWith(EINVAL));
  EXPECT(Request::parse({}).failsWith(EINVAL));
  EXPECT(Request::parse(messageOf(45, std::string("abc\0", 4))).failsWith(EINVAL));
  EXPECT(Request::parse(messageOf(0, "")).failsWith(EINVAL));
  EXPECT(Request::parse(messageOf(0xffffffff, "")).failsWith(EINVAL));
}

TEST("extensions at the end of a message are not taken for arguments") {
  const auto message = messageOf(40 + 16, std::string("name\0\0\0\0EXTENDED", 16), 1);
  const auto request = Request::parse(message);
  REQUIRE(request.ok());
  EXPECT_EQ(request->arguments().size(), 8U);
  EXPECT(Request::parse(messageOf(48, "12345678", 2)).failsWith(EINVAL));
}

TEST("the caller of a request is its uid, gid and pid, with the umask that came along") {
  const auto message = messageOf(40, "");
  const auto request = Request::parse(message);
  REQUIRE(request.ok());
  const Caller caller = request->caller(0177022);
  EXPECT_EQ(caller.uid, 1000U);
  EXPECT_EQ(caller.gid, 100U);
  EXPECT_EQ(caller.umask, 07022U);
}

TEST("names end with NUL, are not empty, hold no slash and are neither . nor ..") {
  EXPECT_EQ(argumentsOf(std::string("name\0", 5)).takeName().value(), "name");
  EXPECT(argumentsOf("name").takeName().failsWith(EINVAL));
  EXPECT(argumentsOf("").takeName().failsWith(EINVAL));
  EXPECT(argumentsOf(std::string("\0", 1)).takeName().failsWith(EINVAL));
  EXPECT(argumentsOf(std::string("a/b\0", 4)).takeName().failsWith(EINVAL));
  EXPECT(argumentsOf(std::string(".\0", 2)).takeName().failsWith(EINVAL));
  EXPECT(argumentsOf(std::string("..\0", 3)).takeName().failsWith(EINVAL));
  EXPECT_EQ(argumentsOf(std::string("...\0", 4)).takeName().value(), "...");
}

TEST("a name of 255 bytes is taken and one of 256 is too long") {
  EXPECT(argumentsOf(std::string(255, 'n') + '\0').takeName().ok());
  EXPECT(argumentsOf(std::string(256, 'n') + '\0').takeName().failsWith(ENAMETOOLONG));
}

TEST("two names are read one behind the other and nothing behind the second") {
  const std::string body("from\0to\0", 8);
  Arguments arguments = argumentsOf(body);
  EXPECT_EQ(arguments.takeName().value(), "from");
  EXPECT_EQ(arguments.takeName().value(), "to");
  EXPECT_EQ(arguments.size(), 0U);
  EXPECT(arguments.takeName().failsWith(EINVAL));
}

TEST("a struct is taken whole or not at all, and an old short form leaves the rest zero") {
  const std::string body("\1\0\0\0\2\0\0\0\3", 9);
  Arguments arguments = argumentsOf(body);
  const auto old = arguments.take<abi::SetxattrIn>(abi::kSetxattrInOldSize);
  REQUIRE(old.ok());
  EXPECT_EQ(old->size, 1U);
  EXPECT_EQ(old->flags, 2U);
  EXPECT_EQ(old->setxattr_flags, 0U);
  EXPECT(arguments.take<uint32_t>().failsWith(EINVAL));
  EXPECT_EQ(arguments.size(), 1U);
  EXPECT(arguments.takeBytes(2).failsWith(EINVAL));
  EXPECT(arguments.takeBytes(1).ok());
}

}  // namespace
}  // namespace unionfs

#include "fuse/init.h"

#include "testing/test.h"

namespace unionfs {
namespace {

KernelOffer everything() { return {.minor = abi::kMinor, .maxReadahead = 131072, .flags = ~uint64_t{0}}; }

TEST("cached mode opens without asking and writes back, passthrough mode does neither") {
  const Negotiated cached = negotiate(everything(), {.io = IoMode::cached, .acl = true});
  EXPECT(cached.has(abi::init::kNoOpenSupport));
  EXPECT(cached.has(abi::init::kWritebackCache));
  EXPECT(!cached.has(abi::init::kPassthrough));
  const Negotiated direct = negotiate(everything(), {.io = IoMode::passthrough, .acl = true});
  EXPECT(!direct.has(abi::init::kNoOpenSupport));
  EXPECT(!direct.has(abi::init::kWritebackCache));
  EXPECT(direct.has(abi::init::kPassthrough));
}

TEST("nothing is agreed that the kernel did not offer") {
  KernelOffer offer = everything();
  offer.flags = abi::init::kBigWrites | abi::init::kInitExt;
  EXPECT_EQ(negotiate(offer, {.io = IoMode::cached, .acl = true}).flags, offer.flags);
}

TEST("locks stay with the kernel, where they are right for a single mount") {
  const Negotiated agreed = negotiate(everything(), {.io = IoMode::cached, .acl = false});
  EXPECT(!agreed.has(abi::init::kPosixLocks));
  EXPECT(!agreed.has(abi::init::kFlockLocks));
}

TEST("ACLs are the kernel's business only when a layer can hold them") {
  EXPECT(negotiate(everything(), {.io = IoMode::cached, .acl = true}).has(abi::init::kPosixAcl));
  EXPECT(!negotiate(everything(), {.io = IoMode::cached, .acl = false}).has(abi::init::kPosixAcl));
}

TEST("the upper half of the flags is read only when the kernel says that it is there") {
  abi::InitIn in{};
  in.major = 7;
  in.minor = abi::kMinor;
  in.flags2 = static_cast<uint32_t>(abi::init::kPassthrough >> 32);
  EXPECT_EQ(readOffer(in).value().flags & abi::init::kPassthrough, 0U);
  in.flags = static_cast<uint32_t>(abi::init::kInitExt);
  EXPECT(readOffer(in).value().flags & abi::init::kPassthrough);
}

TEST("an alien or ancient protocol is refused") {
  abi::InitIn in{};
  in.major = 8;
  in.minor = 45;
  EXPECT(readOffer(in).failsWith(EPROTO));
  in.major = 7;
  in.minor = 30;
  EXPECT(readOffer(in).failsWith(EPROTO));
  in.minor = 31;
  EXPECT(readOffer(in).ok());
}

TEST("passthrough is refused with a reason where kernel or privilege is missing") {
  KernelOffer old = everything();
  old.flags &= ~abi::init::kPassthrough;
  EXPECT(!chooseIoMode(IoMode::passthrough, old, true).possible);
  EXPECT(!chooseIoMode(IoMode::passthrough, everything(), false).possible);
  EXPECT(!chooseIoMode(IoMode::passthrough, everything(), false).reason.empty());
  EXPECT(chooseIoMode(IoMode::passthrough, everything(), true).possible);
}

TEST("automatic never comes out of the choice") {
  EXPECT(chooseIoMode(IoMode::automatic, everything(), true).mode != IoMode::automatic);
  EXPECT(chooseIoMode(IoMode::automatic, everything(), false).possible);
}

TEST("one megabyte fits into one message") {
  const KernelOffer offer = everything();
  const abi::InitOut out = encodeInit(offer, negotiate(offer, {.io = IoMode::cached, .acl = false}));
  EXPECT_EQ(out.max_write, 1U << 20);
  EXPECT_EQ(out.max_pages, 256U);
  EXPECT_EQ(out.max_stack_depth, 0U);
  const abi::InitOut direct = encodeInit(offer, negotiate(offer, {.io = IoMode::passthrough, .acl = false}));
  EXPECT_EQ(direct.max_stack_depth, 2U);
}

}  // namespace
}  // namespace unionfs

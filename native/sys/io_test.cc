#include "sys/io.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "sys/fault.h"
#include "sys/open.h"
#include "sys/stat.h"
#include "testing/layer_fixture.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using testing::TempDir;

constexpr uint64_t kMiB = 1 << 20;

const auto kGoOn = [] { return true; };

Fd fileIn(const std::string& dir, const char* name) {
  auto root = sys::openPath(dir, O_RDONLY | O_DIRECTORY);
  auto file = sys::createExclusive({root->get(), name}, O_RDWR, 0600);
  return file.ok() ? std::move(*file) : Fd();
}

void put(const Fd& file, std::string_view text, uint64_t offset) {
  const auto done = sys::writeAt(file.get(), std::as_bytes(std::span(text)), offset);
  EXPECT(done.ok() && *done == text.size());
}

std::string get(const Fd& file, uint64_t offset, size_t size) {
  std::string text(size, '?');
  const auto got = sys::readAt(file.get(), std::as_writable_bytes(std::span(text)), offset);
  if (!got.ok()) return "unreadable";
  text.resize(*got);
  return text;
}

sys::Stat statOf(const Fd& file) { return *sys::stat({file.get(), ""}); }

TEST("a copy has the data, and holes where the original has them") {
  const TempDir temp;
  const Fd from = fileIn(temp.path().string(), "from"), to = fileIn(temp.path().string(), "to");
  put(from, "begin", 0);
  put(from, "middle", 8 * kMiB);
  EXPECT_EQ(::ftruncate(from.get(), 16 * kMiB), 0);
  EXPECT(sys::DataCopy(from.get(), to.get(), kGoOn).run(16 * kMiB).ok());
  EXPECT_EQ(statOf(to).size, 16 * kMiB);
  EXPECT_EQ(get(to, 0, 5), "begin");
  EXPECT_EQ(get(to, 8 * kMiB, 6), "middle");
  EXPECT_EQ(get(to, 16 * kMiB - 2, 8), std::string(2, '\0'));
  EXPECT(statOf(to).blocks * 512 < kMiB);
}

TEST("a copy may be shorter than its original, or longer than what is left of it") {
  for (const auto holes : {sys::DataCopy::Holes::none, sys::DataCopy::Holes::some}) {
    const TempDir temp;
    const Fd from = fileIn(temp.path().string(), "from"), shorter = fileIn(temp.path().string(), "shorter"),
             longer = fileIn(temp.path().string(), "longer"), empty = fileIn(temp.path().string(), "empty");
    put(from, "0123456789", 0);
    EXPECT(sys::DataCopy(from.get(), shorter.get(), kGoOn).run(4, holes).ok());
    EXPECT_EQ(get(shorter, 0, 100), "0123");
    EXPECT(sys::DataCopy(from.get(), longer.get(), kGoOn).run(12, holes).ok());
    EXPECT_EQ(get(longer, 0, 100), std::string("0123456789\0\0", 12));
    EXPECT(sys::DataCopy(from.get(), empty.get(), kGoOn).run(0, holes).ok());
    EXPECT_EQ(statOf(empty).size, 0U);
  }
}

TEST("a file of holes alone is copied without a byte") {
  const TempDir temp;
  const Fd from = fileIn(temp.path().string(), "from"), to = fileIn(temp.path().string(), "to");
  EXPECT_EQ(::ftruncate(from.get(), 4 * kMiB), 0);
  EXPECT(sys::DataCopy(from.get(), to.get(), kGoOn).run(4 * kMiB).ok());
  EXPECT_EQ(statOf(to).size, 4 * kMiB);
  EXPECT_EQ(statOf(to).blocks, 0U);
}

TEST("a copy stops between chunks when nobody waits for it") {
  const TempDir temp;
  const Fd from = fileIn(temp.path().string(), "from"), to = fileIn(temp.path().string(), "to");
  put(from, std::string(64 << 10, 'x'), 0);
  EXPECT(sys::DataCopy(from.get(), to.get(), [] { return false; }).run(64 << 10).failsWith(EINTR));
}

TEST("data is copied from one filesystem to another") {
  const TempDir temp;
  const std::string memory = "/dev/shm/unionfs-test-io-" + std::to_string(::getpid());
  if (::mkdir(memory.c_str(), 0700) != 0) SKIP("needs /dev/shm");
  {
    const Fd from = fileIn(memory, "from"), to = fileIn(temp.path().string(), "to");
    const std::string text = std::string(3 * kMiB, 'a') + "end";
    put(from, text, 0);
    put(from, "far", 8 * kMiB);
    const uint64_t size = 8 * kMiB + 3;
    EXPECT(sys::DataCopy(from.get(), to.get(), kGoOn).run(size).ok());
    EXPECT_EQ(statOf(to).size, size);
    EXPECT(get(to, 0, text.size()) == text);
    EXPECT_EQ(get(to, 8 * kMiB, 3), "far");
    EXPECT_EQ(get(to, 6 * kMiB, 3), std::string(3, '\0'));
  }
  ::unlink((memory + "/from").c_str());
  ::rmdir(memory.c_str());
}

TEST("a read stops at the end of the file, a write to a full disk says so") {
  const TempDir temp;
  const Fd file = fileIn(temp.path().string(), "f");
  put(file, "text", 0);
  EXPECT_EQ(get(file, 2, 100), "xt");
  EXPECT_EQ(get(file, 4, 100), "");
  const auto full = sys::openPath("/dev/full", O_WRONLY);
  if (!full.ok()) SKIP("needs /dev/full");
  const std::byte byte{1};
  EXPECT(sys::writeAt(full->get(), {&byte, 1}, 0).failsWith(ENOSPC));
}

TEST("what stopped a copy is told, not taken for a full disk") {
  const TempDir temp;
  const Fd from = fileIn(temp.path().string(), "from"), to = fileIn(temp.path().string(), "to");
  put(from, std::string(2 * kMiB, 'x'), 0);
  rlimit before{};
  EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{kMiB + kMiB / 2, before.rlim_max};
  EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  // The second changing call is copy_file_range, after the one for clones; refused, it leaves the rest to reading and writing.
  fault::arm({.effect = fault::Effect::fail, .at = 2, .error = EXDEV});
  const Status copied = sys::DataCopy(from.get(), to.get(), kGoOn).run(2 * kMiB);
  fault::disarm();
  EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  EXPECT(copied.ok() || copied.failsWith(EFBIG));  // ok where files can be cloned
}

}  // namespace
}  // namespace unionfs

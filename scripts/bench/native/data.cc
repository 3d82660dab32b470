// data.cc - reads and writes of file data: sequential, random, and through a mapping.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>
#include <string>
#include <vector>

#include "fd.h"
#include "report.h"
#include "verbs.h"

namespace bench {

namespace {

constexpr std::uint64_t kSeed = 42;
constexpr std::size_t kPageSize = 4096;

std::uint64_t sizeOf(int fd, const std::string& path) {
  struct stat status {};
  if (fstat(fd, &status) != 0) fail("stat", path);
  return static_cast<std::uint64_t>(status.st_size);
}

std::vector<off_t> randomOffsets(std::uint64_t count, std::uint64_t fileSize, std::uint64_t block) {
  if (fileSize < block) usage("the file is smaller than a block");
  std::mt19937_64 random(kSeed);
  std::vector<off_t> offsets;
  for (std::uint64_t i = 0; i < count; ++i) offsets.push_back(static_cast<off_t>(random() % (fileSize / block) * block));
  return offsets;
}

}  // namespace

void readSequential(const Args& args) {
  const std::string& path = args.word(0);
  std::vector<char> buffer(args.number("block"));
  const std::uint64_t limit = args.number("bytes", UINT64_MAX);
  std::uint64_t total = 0;
  const Stopwatch watch;
  Fd fd = openFile(path, O_RDONLY);
  while (total < limit) {
    const std::size_t got = readUpTo(fd.get(), buffer.data(), buffer.size(), path);
    total += got;
    if (got < buffer.size()) break;
  }
  fd.close(path);
  Report().add("seconds", watch.seconds()).add("bytes", static_cast<double>(total)).print();
}

void writeSequential(const Args& args) {
  const std::string& path = args.word(0);
  const std::vector<char> block(args.number("block"), 'w');
  const std::uint64_t bytes = args.number("bytes");
  const Stopwatch watch;
  Fd fd = openFile(path, O_WRONLY | O_CREAT | O_EXCL);
  for (std::uint64_t done = 0; done < bytes; done += block.size()) writeAll(fd.get(), block.data(), block.size(), path);
  fd.close(path);
  const double written = watch.seconds();
  Fd again = openFile(path, O_WRONLY);
  if (fsync(again.get()) != 0) fail("fsync", path);
  again.close(path);
  Report().add("seconds", written).add("synced", watch.seconds()).print();
}

void readRandom(const Args& args) {
  const std::string& path = args.word(0);
  std::vector<char> buffer(args.number("block"));
  Fd fd = openFile(path, O_RDONLY);
  const std::vector<off_t> offsets = randomOffsets(args.number("count"), sizeOf(fd.get(), path), buffer.size());
  const Stopwatch watch;
  for (const off_t offset : offsets) {
    if (pread(fd.get(), buffer.data(), buffer.size(), offset) != static_cast<ssize_t>(buffer.size())) fail("pread", path);
  }
  Report().add("seconds", watch.seconds()).add("count", static_cast<double>(offsets.size())).print();
}

void writeRandom(const Args& args) {
  const std::string& path = args.word(0);
  const std::vector<char> block(args.number("block"), 'r');
  const std::uint64_t bytes = args.number("bytes");
  const std::vector<char> filling(1 << 20, 'f');
  Fd fd = openFile(path, O_RDWR | O_CREAT | O_EXCL);
  for (std::uint64_t done = 0; done < bytes; done += filling.size()) writeAll(fd.get(), filling.data(), filling.size(), path);
  const std::vector<off_t> offsets = randomOffsets(args.number("count"), bytes, block.size());
  const Stopwatch watch;
  for (const off_t offset : offsets) {
    if (pwrite(fd.get(), block.data(), block.size(), offset) != static_cast<ssize_t>(block.size())) fail("pwrite", path);
  }
  fd.close(path);
  Report().add("seconds", watch.seconds()).add("count", static_cast<double>(offsets.size())).print();
}

void readMapped(const Args& args) {
  const std::string& path = args.word(0);
  const Stopwatch watch;
  Fd fd = openFile(path, O_RDONLY);
  const std::size_t size = sizeOf(fd.get(), path);
  void* mapping = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (mapping == MAP_FAILED) fail("mmap", path);
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < size; at += kPageSize) sum += static_cast<const unsigned char*>(mapping)[at];
  if (munmap(mapping, size) != 0) fail("munmap", path);
  fd.close(path);
  // The sum is reported so that the loop cannot be left out by the compiler.
  Report().add("seconds", watch.seconds()).add("bytes", static_cast<double>(size)).add("sum", static_cast<double>(sum)).print();
}

}  // namespace bench

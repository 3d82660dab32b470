// io.h - file data: positioned reads and writes, copying, allocation, flushing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>

#include "base/result.h"

namespace unionfs::sys {

// Reads until `into` is full or the file ends; the bytes read.
Result<size_t> readAt(int fd, std::span<std::byte> into, uint64_t offset);
// What the page cache has of it, which may be less; EAGAIN when it has nothing and reading would wait for a disk.
Result<size_t> tryReadAt(int fd, std::span<std::byte> into, uint64_t offset);
// Writes all of it, or fails; a short write by a full disk gives the count if anything was written.
Result<size_t> writeAt(int fd, std::span<const std::byte> from, uint64_t offset);

Status fsync(int fd, bool dataOnly);
Status syncFs(int fd);
Status fallocate(int fd, int mode, uint64_t offset, uint64_t length);
Result<uint64_t> seek(int fd, uint64_t offset, int whence);
// One copy_file_range(2); bytes copied, which may be fewer than asked.
Result<size_t> copyRange(int from, uint64_t fromOffset, int to, uint64_t toOffset, size_t length);

// Gives a file (empty) the first bytes of another and its holes: by reflink where the filesystem can, else by
// copy_file_range, else by reading and writing.
class DataCopy {
 public:
  // `goOn` is asked between chunks; when it says no: EINTR.
  DataCopy(int from, int to, std::function<bool()> goOn) : from_(from), to_(to), goOn_(std::move(goOn)) {}

  enum class Holes { none, some };
  // The first `size` bytes. Where the source may have holes the copy gets them, too.
  Status run(uint64_t size, Holes holes = Holes::some);
  // After a failure: whether it was the target's.
  [[nodiscard]] bool targetFailed() const { return targetFailed_; }

 private:
  Status extents(uint64_t size);
  Status extent(uint64_t offset, uint64_t length);
  Status throughMemory(uint64_t offset, uint64_t length);
  Status ofTarget(Status status) {
    targetFailed_ = !status.ok();
    return status;
  }

  int from_, to_;
  std::function<bool()> goOn_;
  uint64_t written_ = 0;  // end of what was
  bool targetFailed_ = false;
};

}  // namespace unionfs::sys

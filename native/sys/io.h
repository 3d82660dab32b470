// io.h - file data: positioned reads and writes, copying, allocation, flushing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

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

// Gives `to` (empty) the first `size` bytes of `from` and its holes: by reflink where the filesystem can, else by
// copy_file_range, else by reading and writing. `goOn` is asked between chunks; when it says no: EINTR.
Status copyData(int from, int to, uint64_t size, const std::function<bool()>& goOn);

}  // namespace unionfs::sys

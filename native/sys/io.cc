#include "sys/io.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "sys/attr.h"
#include "sys/fault.h"

namespace unionfs::sys {

namespace {

constexpr size_t kCopyChunk = 4 << 20;
constexpr size_t kBounceSize = 1 << 20;

// Errors of copy_file_range that mean "not between these two files", not "the copy failed"; and EIO, which does not say
// of which of the two.
bool needsBounce(Errno e) { return e == EXDEV || e == EINVAL || e == EOPNOTSUPP || e == ENOSYS || e == EBADF || e == ETXTBSY || e == EIO; }

// What stops a write is told by the one that makes no progress.
Status writeAll(int fd, std::span<const std::byte> from, uint64_t offset) {
  for (size_t done = 0; done < from.size();) {
    TRY_ASSIGN(const size_t put, writeAt(fd, from.subspan(done), offset + done));
    if (put == 0) return Errno(EIO);
    done += put;
  }
  return success();
}

// A filesystem that cannot says so in many ways, and copying tells what is really wrong.
Status cloneFile(int from, int to) {
  FAULT_POINT("ioctl FICLONE");
  if (::ioctl(to, FICLONE, from) < 0) return Errno::last();
  return success();
}

}  // namespace

Result<size_t> readAt(int fd, std::span<std::byte> into, uint64_t offset) {
  READ_FAULT_POINT("pread");
  size_t done = 0;
  while (done < into.size()) {
    const ssize_t n = ::pread(fd, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return done > 0 ? Result<size_t>(done) : Errno::last();
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

Result<size_t> tryReadAt(int fd, std::span<std::byte> into, uint64_t offset) {
  const iovec vector{into.data(), into.size()};
  const ssize_t n = ::preadv2(fd, &vector, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  if (n < 0) return Errno::last();
  return static_cast<size_t>(n);
}

Result<size_t> writeAt(int fd, std::span<const std::byte> from, uint64_t offset) {
  FAULT_POINT("pwrite");
  size_t done = 0;
  while (done < from.size()) {
    const ssize_t n = ::pwrite(fd, from.data() + done, from.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return done > 0 ? Result<size_t>(done) : Errno::last();
    done += static_cast<size_t>(n);
  }
  return done;
}

Status fsync(int fd, bool dataOnly) {
  FAULT_POINT("fsync");
  if ((dataOnly ? ::fdatasync(fd) : ::fsync(fd)) < 0) return Errno::last();
  return success();
}

Status syncFs(int fd) {
  if (::syncfs(fd) < 0) return Errno::last();
  return success();
}

Status fallocate(int fd, int mode, uint64_t offset, uint64_t length) {
  FAULT_POINT("fallocate");
  int rc;
  do rc = ::fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(length));
  while (rc < 0 && errno == EINTR);
  if (rc < 0) return Errno::last();
  return success();
}

Result<uint64_t> seek(int fd, uint64_t offset, int whence) {
  const off_t at = ::lseek(fd, static_cast<off_t>(offset), whence);
  if (at < 0) return Errno::last();
  return static_cast<uint64_t>(at);
}

Result<size_t> copyRange(int from, uint64_t fromOffset, int to, uint64_t toOffset, size_t length) {
  READ_FAULT_POINT("copy_file_range");
  FAULT_POINT("copy_file_range");
  auto source = static_cast<off64_t>(fromOffset);
  auto target = static_cast<off64_t>(toOffset);
  ssize_t n;
  do n = ::copy_file_range(from, &source, to, &target, length, 0);
  while (n < 0 && errno == EINTR);
  if (n < 0) return Errno::last();
  return static_cast<size_t>(n);
}

Status DataCopy::throughMemory(uint64_t offset, uint64_t length) {
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kBounceSize);
  while (length > 0) {
    if (!goOn_()) return Errno(EINTR);
    const size_t want = std::min<uint64_t>(length, kBounceSize);
    TRY_ASSIGN(const size_t got, readAt(from_, {buffer.get(), want}, offset));
    if (got == 0) return success();
    TRY(ofTarget(writeAll(to_, {buffer.get(), got}, offset)));
    offset += got;
    written_ = offset;
    length -= got;
  }
  return success();
}

Status DataCopy::extent(uint64_t offset, uint64_t length) {
  while (length > 0) {
    if (!goOn_()) return Errno(EINTR);
    const auto copied = copyRange(from_, offset, to_, offset, std::min<uint64_t>(length, kCopyChunk));
    if (!copied.ok() && needsBounce(copied.error())) return throughMemory(offset, length);
    TRY(copied);
    // Some filesystems answer 0 for ranges they cannot copy; only reading tells the end of the file from that.
    if (*copied == 0) return throughMemory(offset, length);
    offset += *copied;
    written_ = offset;
    length -= *copied;
  }
  return success();
}

Status DataCopy::run(uint64_t size, Holes holes) {
  if (size == 0) return success();
  if (cloneFile(from_, to_).ok()) return ofTarget(truncate(to_, size));
  TRY(holes == Holes::none ? extent(0, size) : extents(size));
  return written_ == size ? success() : ofTarget(truncate(to_, size));
}

Status DataCopy::extents(uint64_t size) {
  uint64_t at = 0;
  while (at < size) {
    const auto data = seek(from_, at, SEEK_DATA);
    if (data.failsWith(ENXIO)) break;  // nothing but a hole up to the end
    const uint64_t begin = data.ok() ? *data : at;
    if (begin >= size) break;
    const auto hole = data.ok() ? seek(from_, begin, SEEK_HOLE) : Result<uint64_t>(size);
    const uint64_t end = hole.ok() ? std::min(*hole, size) : size;
    TRY(extent(begin, end - begin));
    at = end;
  }
  return success();
}

}  // namespace unionfs::sys

// owned_content.cc - operations of a worker on the bytes of its own files.
#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "owned.h"
#include "report.h"

namespace {

constexpr size_t kMaxFileBytes = 200000;
constexpr size_t kMaxPieceBytes = 20000;
constexpr size_t kMaxHeld = 12;

bool isUnsupported(int error) { return error == EOPNOTSUPP || error == EXDEV; }

}  // namespace

void OwnedArea::create() {
  const Place place = newName();
  // An existing file keeps its inode and its other attributes; only a new one starts from nothing.
  const auto existing = place.directory->entries.find(place.name);
  if (existing != place.directory->entries.end() && !place.file) return endOperation(EEXIST, place.path.c_str());
  const Fd fd = open(place.path, O_RDWR | O_CREAT | O_TRUNC);
  FilePtr file = place.file;
  if (!file) {
    file = std::make_shared<OwnedFile>();
    put(place, Entry{file, ""});
  }
  file->data = freshBytes(kMaxPieceBytes);
  const ssize_t written = write(fd.get(), file->data.data(), file->data.size());
  if (written != static_cast<ssize_t>(file->data.size())) fail(place.path.c_str(), "write: %zd %s", written, std::strerror(errno));
  verifyContent(fd.get(), place.path, *file);
  endOperation(0, place.path.c_str());
}

void OwnedArea::writeAt() {
  const Place place = anyFile();
  if (!place.file) return endOperation(ENOENT, place.path.c_str());
  const Fd fd = open(place.path, O_RDWR);
  const size_t offset = rng_.below(kMaxFileBytes / 2);
  const Bytes bytes = freshBytes(kMaxPieceBytes);
  const ssize_t written = pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (written != static_cast<ssize_t>(bytes.size())) fail(place.path.c_str(), "pwrite: %zd %s", written, std::strerror(errno));
  patch(*place.file, offset, bytes);
  verifyContent(fd.get(), place.path, *place.file);
  endOperation(0, place.path.c_str());
}

void OwnedArea::append() {
  const Place place = anyFile();
  if (!place.file || place.file->data.size() > kMaxFileBytes) return endOperation(EFBIG, place.path.c_str());
  const Fd fd = open(place.path, O_WRONLY | O_APPEND);
  const Bytes bytes = freshBytes(kMaxPieceBytes);
  const ssize_t written = write(fd.get(), bytes.data(), bytes.size());
  if (written != static_cast<ssize_t>(bytes.size())) fail(place.path.c_str(), "append: %zd %s", written, std::strerror(errno));
  patch(*place.file, place.file->data.size(), bytes);
  verifyFile(place.path, *place.file);
  endOperation(0, place.path.c_str());
}

void OwnedArea::writeMapped() {
  const Place place = anyFile();
  if (!place.file || place.file->data.empty()) return endOperation(ENOENT, place.path.c_str());
  const Fd fd = open(place.path, O_RDWR);
  const size_t size = place.file->data.size();
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) fail(place.path.c_str(), "mmap: %s", std::strerror(errno));
  auto* mapped = static_cast<uint8_t*>(memory);
  if (std::memcmp(mapped, place.file->data.data(), size) != 0) fail(place.path.c_str(), "the mapping shows other bytes");
  const size_t offset = rng_.below(static_cast<uint32_t>(size));
  Bytes bytes = freshBytes(kMaxPieceBytes);
  bytes.resize(std::min(bytes.size(), size - offset));
  std::copy(bytes.begin(), bytes.end(), mapped + offset);
  patch(*place.file, offset, bytes);
  if (rng_.oneIn(2) && msync(memory, size, MS_SYNC) != 0) fail(place.path.c_str(), "msync: %s", std::strerror(errno));
  verifyContent(fd.get(), place.path, *place.file);
  munmap(memory, size);
  verifyFile(place.path, *place.file);
  endOperation(0, place.path.c_str());
}

void OwnedArea::truncate() {
  const Place place = anyFile();
  if (!place.file) return endOperation(ENOENT, place.path.c_str());
  const size_t size = rng_.oneIn(4) ? 0 : rng_.below(kMaxFileBytes);
  if (rng_.oneIn(8)) {
    place.file->data.clear();
    open(place.path, O_WRONLY | O_TRUNC);
  } else {
    const Fd fd = open(place.path, O_WRONLY);
    if (ftruncate(fd.get(), static_cast<off_t>(size)) != 0) fail(place.path.c_str(), "ftruncate: %s", std::strerror(errno));
    place.file->data.resize(size);
  }
  verifyFile(place.path, *place.file);
  endOperation(0, place.path.c_str());
}

void OwnedArea::allocate() {
  const Place place = anyFile();
  if (!place.file) return endOperation(ENOENT, place.path.c_str());
  constexpr int kModes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
                            FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
  const int mode = kModes[rng_.below(std::size(kModes))];
  const size_t offset = rng_.below(kMaxFileBytes / 2);
  const size_t length = 1 + rng_.below(kMaxPieceBytes);
  const Fd fd = open(place.path, O_RDWR);
  if (fallocate(fd.get(), mode, static_cast<off_t>(offset), static_cast<off_t>(length)) != 0) {
    if (!isUnsupported(errno)) fail(place.path.c_str(), "fallocate %#x: %s", mode, std::strerror(errno));
    return endOperation(errno, place.path.c_str());
  }
  Bytes& data = place.file->data;
  if ((mode & FALLOC_FL_KEEP_SIZE) == 0) data.resize(std::max(data.size(), offset + length));
  if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0 && offset < data.size()) {
    const size_t end = std::min(offset + length, data.size());
    std::fill(data.begin() + static_cast<ptrdiff_t>(offset), data.begin() + static_cast<ptrdiff_t>(end), uint8_t{0});
  }
  verifyContent(fd.get(), place.path, *place.file);
  endOperation(0, place.path.c_str());
}

void OwnedArea::copyRange() {
  const Place source = anyFile();
  const Place target = anyFile();
  if (!source.file || !target.file || source.file == target.file || source.file->data.empty()) {
    return endOperation(EINVAL, source.path.c_str());
  }
  const Fd in = open(source.path, O_RDONLY);
  const Fd out = open(target.path, O_RDWR);
  const size_t from = rng_.below(static_cast<uint32_t>(source.file->data.size()));
  const size_t to = rng_.below(kMaxFileBytes / 2);
  auto inAt = static_cast<off_t>(from);
  auto outAt = static_cast<off_t>(to);
  const ssize_t copied = copy_file_range(in.get(), &inAt, out.get(), &outAt, 1 + rng_.below(kMaxPieceBytes), 0);
  if (copied < 0) {
    if (!isUnsupported(errno)) fail(target.path.c_str(), "copy_file_range: %s", std::strerror(errno));
    return endOperation(errno, target.path.c_str());
  }
  if (copied == 0) fail(target.path.c_str(), "copy_file_range copies nothing of %zu bytes", source.file->data.size());
  const auto begin = source.file->data.begin() + static_cast<ptrdiff_t>(from);
  patch(*target.file, to, Bytes(begin, begin + copied));
  verifyContent(out.get(), target.path, *target.file);
  endOperation(0, target.path.c_str());
}

void OwnedArea::readBack() {
  const Place place = anyFile();
  if (!place.file) return endOperation(ENOENT, place.path.c_str());
  verifyFile(place.path, *place.file);
  endOperation(0, place.path.c_str());
}

void OwnedArea::seekHoles() {
  const Place place = anyFile();
  if (!place.file) return endOperation(ENOENT, place.path.c_str());
  const Fd fd = open(place.path, O_RDONLY);
  const Bytes& data = place.file->data;
  const auto size = static_cast<off_t>(data.size());
  // Every byte outside what SEEK_DATA and SEEK_HOLE call data must be zero.
  for (off_t at = 0; at < size;) {
    const off_t begin = lseek(fd.get(), at, SEEK_DATA);
    if (begin < 0 && errno != ENXIO) fail(place.path.c_str(), "SEEK_DATA at %lld: %s", static_cast<long long>(at), std::strerror(errno));
    const off_t holeEnd = begin < 0 ? size : begin;
    if (std::any_of(data.begin() + at, data.begin() + holeEnd, [](uint8_t byte) { return byte != 0; })) {
      fail(place.path.c_str(), "SEEK_DATA skips data between %lld and %lld", static_cast<long long>(at), static_cast<long long>(holeEnd));
    }
    if (begin < 0) break;
    const off_t end = lseek(fd.get(), begin, SEEK_HOLE);
    if (end <= begin || end > size)
      fail(place.path.c_str(), "SEEK_HOLE from %lld gives %lld", static_cast<long long>(begin), static_cast<long long>(end));
    at = end;
  }
  endOperation(0, place.path.c_str());
}

void OwnedArea::sync() {
  const Place place = anyFile();
  if (!place.file) return endOperation(ENOENT, place.path.c_str());
  const Fd fd = open(place.path, rng_.oneIn(2) ? O_RDONLY : O_RDWR);
  if ((rng_.oneIn(2) ? fsync(fd.get()) : fdatasync(fd.get())) != 0) fail(place.path.c_str(), "fsync: %s", std::strerror(errno));
  const Fd directory = open(place.directory->path, O_RDONLY | O_DIRECTORY);
  if (fsync(directory.get()) != 0) fail(place.directory->path.c_str(), "fsync: %s", std::strerror(errno));
  endOperation(0, place.path.c_str());
}

// Keeps a descriptor open for writing, for later operations. One for reading would not do: on overlayfs it may
// rightly go on showing the lower file after a copy-up.
void OwnedArea::hold() {
  const Place place = anyFile();
  if (!place.file) return endOperation(ENOENT, place.path.c_str());
  if (held_.size() >= kMaxHeld) held_.erase(held_.begin() + rng_.below(kMaxHeld));
  held_.push_back({open(place.path, O_RDWR), place.file});
  endOperation(0, place.path.c_str());
}

// Whatever became of the name, the descriptor is the file.
void OwnedArea::useHeld() {
  if (held_.empty()) return endOperation(ENOENT, "");
  const Held& held = held_[rng_.below(static_cast<uint32_t>(held_.size()))];
  verifyContent(held.fd.get(), "(held)", *held.file);
  const Bytes bytes = freshBytes(kMaxPieceBytes);
  const size_t offset = rng_.below(kMaxFileBytes / 2);
  const ssize_t written = pwrite(held.fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (written != static_cast<ssize_t>(bytes.size())) fail("(held)", "pwrite: %zd %s", written, std::strerror(errno));
  patch(*held.file, offset, bytes);
  verifyContent(held.fd.get(), "(held)", *held.file);
  endOperation(0, "(held)");
}

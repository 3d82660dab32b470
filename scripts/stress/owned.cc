// owned.cc - the model itself and its comparison with the tree; the operations are in owned_content.cc,
// owned_names.cc and owned_attributes.cc.
#include "owned.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "report.h"

namespace {

constexpr size_t kMaxNamesPerDirectory = 40;
constexpr int kFileTries = 8;

}  // namespace

const OwnedArea::NamedOperation OwnedArea::kOperations[] = {
    {"own: create", &OwnedArea::create},
    {"own: write", &OwnedArea::writeAt},
    {"own: append", &OwnedArea::append},
    {"own: mmap write", &OwnedArea::writeMapped},
    {"own: truncate", &OwnedArea::truncate},
    {"own: fallocate", &OwnedArea::allocate},
    {"own: copy_file_range", &OwnedArea::copyRange},
    {"own: read", &OwnedArea::readBack},
    {"own: seek data and holes", &OwnedArea::seekHoles},
    {"own: fsync", &OwnedArea::sync},
    {"own: hold open", &OwnedArea::hold},
    {"own: use held descriptor", &OwnedArea::useHeld},
    {"own: rename", &OwnedArea::renameOver},
    {"own: rename noreplace", &OwnedArea::renameNoReplace},
    {"own: rename exchange", &OwnedArea::renameExchange},
    {"own: link", &OwnedArea::linkTo},
    {"own: unlink", &OwnedArea::unlinkName},
    {"own: unlinked I/O", &OwnedArea::unlinkedIo},
    {"own: symlink", &OwnedArea::symlinkTo},
    {"own: O_TMPFILE", &OwnedArea::temporaryFile},
    {"own: readdir", &OwnedArea::list},
    {"own: remove tree, make again", &OwnedArea::removeTree},
    {"own: rename directory", &OwnedArea::moveDirectory},
    {"own: removed directory", &OwnedArea::removedDirectory},
    {"own: chmod", &OwnedArea::changeMode},
    {"own: chown", &OwnedArea::changeOwner},
    {"own: utimensat", &OwnedArea::changeTimes},
    {"own: setxattr", &OwnedArea::setAttribute},
    {"own: removexattr", &OwnedArea::removeAttribute},
    {"own: locks", &OwnedArea::lockOut},
};

OwnedArea::OwnedArea(int root, const TreePlan& plan, int worker)
    : root_(root), plan_(plan), worker_(worker), rng_(mix(plan.seed) + static_cast<uint64_t>(worker)) {
  for (int number = 0; number < kOwnDirectories; ++number) {
    Directory directory{ownDirectory(worker, number), {}};
    for (int file = 0; file < kOwnFiles; ++file) {
      std::optional<Bytes> bytes = expectedOwn(plan, worker, number, file);
      if (!bytes) continue;
      auto owned = std::make_shared<OwnedFile>();
      owned->data = std::move(*bytes);
      directory.entries[ownFile(file)] = Entry{std::move(owned), ""};
    }
    directories_.push_back(std::move(directory));
  }
}

void OwnedArea::step() {
  const NamedOperation& operation = kOperations[rng_.below(std::size(kOperations))];
  beginOperation(operation.name);
  (this->*operation.run)();
}

void OwnedArea::verifyAll() {
  beginOperation("own: verify everything");
  for (const Directory& directory : directories_) {
    verifyDirectory(directory);
    for (const auto& [name, entry] : directory.entries) {
      if (entry.file) verifyFile(directory.path + "/" + name, *entry.file);
    }
  }
  endOperation(0, "");
}

OwnedArea::Directory& OwnedArea::anyDirectory() { return directories_[rng_.below(static_cast<uint32_t>(directories_.size()))]; }

// A random name that exists; `name` is empty when the chosen directory has none.
OwnedArea::Place OwnedArea::anyEntry() {
  Directory& directory = anyDirectory();
  if (directory.entries.empty()) return {&directory, "", directory.path, nullptr};
  auto at = directory.entries.begin();
  std::advance(at, rng_.below(static_cast<uint32_t>(directory.entries.size())));
  return {&directory, at->first, directory.path + "/" + at->first, at->second.file};
}

// A random regular file; `file` is null when several tries found none.
OwnedArea::Place OwnedArea::anyFile() {
  Place place = anyEntry();
  for (int tries = 0; !place.file && tries < kFileTries; ++tries) place = anyEntry();
  return place;
}

// A name that may or may not exist. Names of the lower layers come back often, so that whiteouts are replaced.
OwnedArea::Place OwnedArea::newName() {
  Directory& directory = anyDirectory();
  const bool fresh = directory.entries.size() < kMaxNamesPerDirectory && rng_.oneIn(3);
  const std::string name = fresh ? "new \xc3\xa9 " + std::to_string(nameCounter_++ % 50) : ownFile(static_cast<int>(rng_.below(kOwnFiles)));
  const auto found = directory.entries.find(name);
  return {&directory, name, directory.path + "/" + name, found == directory.entries.end() ? nullptr : found->second.file};
}

Fd OwnedArea::open(const std::string& path, int flags) {
  Fd fd(openat(root_, path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd.valid()) fail(path.c_str(), "open for flags %#x: %s", flags, std::strerror(errno));
  return fd;
}

// Gives the name to the entry in the model; what had the name before loses a link.
void OwnedArea::put(const Place& place, Entry entry) {
  forgetName(*place.directory, place.name);
  place.directory->entries[place.name] = std::move(entry);
}

void OwnedArea::forgetName(Directory& directory, const std::string& name) {
  const auto found = directory.entries.find(name);
  if (found == directory.entries.end()) return;
  if (found->second.file) --found->second.file->links;
  directory.entries.erase(found);
}

void OwnedArea::patch(OwnedFile& file, size_t offset, const Bytes& bytes) {
  if (file.data.size() < offset + bytes.size()) file.data.resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), file.data.begin() + static_cast<ptrdiff_t>(offset));
}

Bytes OwnedArea::freshBytes(size_t limit) { return makeBytes(rng_.next(), 1 + rng_.below(static_cast<uint32_t>(limit))); }

void OwnedArea::verifyFile(const std::string& path, const OwnedFile& file) {
  struct stat stat {};
  if (fstatat(root_, path.c_str(), &stat, AT_SYMLINK_NOFOLLOW) != 0) fail(path.c_str(), "stat: %s", std::strerror(errno));
  if (!S_ISREG(stat.st_mode)) fail(path.c_str(), "mode %o is not a regular file's", stat.st_mode);
  if ((stat.st_mode & 07777) != file.mode) fail(path.c_str(), "mode %o, expected %o", stat.st_mode & 07777, file.mode);
  if (stat.st_uid != file.uid) fail(path.c_str(), "owner %u, expected %u", stat.st_uid, file.uid);
  if (static_cast<int>(stat.st_nlink) != file.links) {
    fail(path.c_str(), "%d links, expected %d", static_cast<int>(stat.st_nlink), file.links);
  }
  const Fd fd = open(path, O_RDONLY);
  verifyContent(fd.get(), path, file);
  for (const auto& [name, value] : file.attributes) {
    char found[256];
    const ssize_t length = fgetxattr(fd.get(), name.c_str(), found, sizeof found);
    if (length < 0) fail(path.c_str(), "getxattr %s: %s", name.c_str(), std::strerror(errno));
    if (std::string(found, static_cast<size_t>(length)) != value) fail(path.c_str(), "xattr %s has another value", name.c_str());
  }
}

void OwnedArea::verifyContent(int fd, const std::string& path, const OwnedFile& file) {
  struct stat stat {};
  if (fstat(fd, &stat) != 0) fail(path.c_str(), "fstat: %s", std::strerror(errno));
  if (static_cast<size_t>(stat.st_size) != file.data.size()) {
    fail(path.c_str(), "size %lld, expected %zu", static_cast<long long>(stat.st_size), file.data.size());
  }
  Bytes found(file.data.size() + 1);
  size_t have = 0;
  for (;;) {
    const ssize_t count = pread(fd, found.data() + have, found.size() - have, static_cast<off_t>(have));
    if (count < 0) fail(path.c_str(), "pread at %zu: %s", have, std::strerror(errno));
    if (count == 0) break;
    have += static_cast<size_t>(count);
  }
  if (have != file.data.size()) fail(path.c_str(), "%zu bytes read, expected %zu", have, file.data.size());
  const auto mismatch = std::mismatch(file.data.begin(), file.data.end(), found.begin()).first;
  if (mismatch == file.data.end()) return;
  const auto at = static_cast<size_t>(mismatch - file.data.begin());
  fail(path.c_str(), "byte %zu of %zu is %#x, expected %#x", at, have, found[at], file.data[at]);
}

void OwnedArea::verifyDirectory(const Directory& directory) {
  const char* path = directory.path.c_str();
  DIR* stream = fdopendir(openat(root_, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (stream == nullptr) fail(path, "opendir: %s", std::strerror(errno));
  std::map<std::string, unsigned char> found;
  errno = 0;
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (!found.emplace(name, entry->d_type).second) fail(path, "readdir gives %s twice", name.c_str());
  }
  if (errno != 0) fail(path, "readdir: %s", std::strerror(errno));
  closedir(stream);
  for (const auto& [name, type] : found) {
    const auto expected = directory.entries.find(name);
    if (expected == directory.entries.end()) fail(path, "readdir gives %s, which is not there", name.c_str());
    const unsigned char wanted = expected->second.file ? DT_REG : DT_LNK;
    if (type != wanted && type != DT_UNKNOWN) fail(path, "readdir says %s is of type %d, not %d", name.c_str(), type, wanted);
  }
  for (const auto& [name, entry] : directory.entries) {
    if (!found.contains(name)) fail(path, "readdir leaves out %s", name.c_str());
  }
}

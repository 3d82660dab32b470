// chaos.cc - the table of shared operations and how paths and descriptors are chosen.
#include "chaos.h"

#include <fcntl.h>

#include <sys/fsuid.h>
#include <unistd.h>
#include <cerrno>

#include "report.h"

namespace {

constexpr int kDirectories = 5;
constexpr int kNames = 28;
constexpr size_t kMaxKept = 24;
constexpr uid_t kOtherUser = 1234;

}  // namespace

const Chaos::NamedOperation Chaos::kOperations[] = {
    {"open", &Chaos::openAny, true},
    {"read", &Chaos::readFile, true},
    {"write", &Chaos::writeFile, true},
    {"readv, writev", &Chaos::vectorIo, false},
    {"mmap", &Chaos::mapFile, false},
    {"truncate", &Chaos::truncatePath, true},
    {"ftruncate", &Chaos::truncateFd, false},
    {"fallocate", &Chaos::allocate, false},
    {"copy_file_range", &Chaos::copyRange, false},
    {"sendfile, splice", &Chaos::sendBytes, false},
    {"lseek", &Chaos::seek, false},
    {"fsync, syncfs", &Chaos::syncAny, false},
    {"I/O on an unlinked file", &Chaos::unlinkOpen, false},
    {"O_TMPFILE", &Chaos::temporaryFile, true},
    {"close", &Chaos::closeHeld, false},
    {"flock", &Chaos::lockFlock, false},
    {"fcntl lock", &Chaos::lockPosix, false},
    {"OFD lock, interrupted", &Chaos::lockOfdWaiting, false},
    {"execve", &Chaos::execute, false},
    {"create exclusively", &Chaos::createExclusive, true},
    {"mkdir", &Chaos::makeDirectory, true},
    {"mknod", &Chaos::makeNode, true},
    {"symlink", &Chaos::makeSymlink, true},
    {"link", &Chaos::makeLink, true},
    {"rename", &Chaos::renamePlain, true},
    {"rename with flags", &Chaos::renameFlags, false},
    {"unlink", &Chaos::unlinkFile, true},
    {"rmdir", &Chaos::removeDirectory, true},
    {"rm -r", &Chaos::removeRecursively, false},
    {"lookup", &Chaos::lookUp, true},
    {"lookup, name too long", &Chaos::lookUpTooLong, false},
    {"readlink", &Chaos::readLink, true},
    {"readdir, seekdir", &Chaos::listDirectory, true},
    {"cwd removed", &Chaos::standInRemoved, false},
    {"chmod", &Chaos::changeMode, true},
    {"chown", &Chaos::changeOwner, true},
    {"utimensat", &Chaos::changeTimes, true},
    {"setxattr", &Chaos::setAttribute, true},
    {"getxattr", &Chaos::getAttribute, true},
    {"listxattr", &Chaos::listAttributes, true},
    {"removexattr", &Chaos::removeAttribute, true},
    {"ACL", &Chaos::setAcl, true},
    {"statx, statfs, access", &Chaos::statEverything, true},
    {"FS_IOC_GETFLAGS", &Chaos::fileFlags, false},
    {"name_to_handle_at", &Chaos::fileHandle, false},
};

Chaos::Chaos(int root, uint64_t seed) : root_(root), rng_(seed) {}

void Chaos::step() {
  const NamedOperation& operation = kOperations[rng_.below(std::size(kOperations))];
  const bool asOther = operation.asOtherUser && rng_.oneIn(8);
  beginOperation(operation.name);
  // Setting the file system uid also drops the capabilities that override permissions, for this thread only.
  if (asOther) setfsuid(kOtherUser);
  const int error = (this->*operation.run)();
  if (asOther) setfsuid(0);
  endOperation(error, "shared");
}

std::string Chaos::anyDirectory() {
  std::string path = "shared";
  for (uint32_t depth = rng_.below(4); depth > 0; --depth) path += "/d" + std::to_string(rng_.below(kDirectories));
  return path;
}

std::string Chaos::anyPath() {
  const std::string directory = anyDirectory();
  switch (rng_.below(16)) {
    case 0:
      return directory == "shared" ? directory + "/d0" : directory;
    case 1:
      return directory + "/spaces and\nnewline " + std::to_string(rng_.below(4));
    case 2:
      return directory +
             "/gr\xc3\xbc\xc3\x9f"
             "e-" +
             std::to_string(rng_.below(4));
    case 3:
      return directory + "/d" + std::to_string(rng_.below(kDirectories));
    default:
      return directory + "/n" + std::to_string(rng_.below(kNames));
  }
}

int Chaos::borrowDescriptor(int flags) {
  if (!kept_.empty() && rng_.oneIn(3)) return kept_[rng_.below(static_cast<uint32_t>(kept_.size()))].get();
  // Never without O_NONBLOCK: a fifo would wait for its other end.
  scratch_ = Fd(openat(root_, anyPath().c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644));
  if (!scratch_.valid()) return -1;
  if (kept_.size() < kMaxKept && rng_.oneIn(6)) {
    kept_.push_back(std::move(scratch_));
    return kept_.back().get();
  }
  return scratch_.get();
}

int Chaos::closeHeld() {
  if (kept_.empty()) return ENOENT;
  kept_.erase(kept_.begin() + rng_.below(static_cast<uint32_t>(kept_.size())));
  return 0;
}

int errnoOf(long result) { return result < 0 ? errno : 0; }

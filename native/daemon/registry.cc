#include "daemon/registry.h"

#include <fcntl.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <span>

#include "base/log.h"
#include "sys/attr.h"
#include "sys/creds.h"
#include "sys/io.h"
#include "sys/open.h"
#include "sys/self.h"
#include "sys/stat.h"
#include "sys/tree.h"

namespace unionfs::daemon {
namespace {

// Unix socket addresses end at 107 bytes (unix(7)).
constexpr size_t kLongestSocketPath = 107;
constexpr size_t kLongestName = 24;

At absolute(const std::string& path) { return {AT_FDCWD, path.c_str()}; }

// Best first. As src/mount/registry.ts writes them: a record names its own socket.
std::vector<std::string> candidates() {
  std::vector<std::string> dirs;
  const uid_t uid = sys::outerUid();
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
  if (uid == 0) dirs.emplace_back("/run/unionfs");
  if (uid != 0 && runtime != nullptr && runtime[0] == '/') dirs.push_back((std::filesystem::path(runtime) / "unionfs").lexically_normal());
  dirs.push_back("/tmp/unionfs-" + std::to_string(uid));
  return dirs;
}

// Whoever else could put a socket there could answer for a mount.
bool isFit(const std::string& dir) {
  if (dir.size() + 1 + kLongestName > kLongestSocketPath) return false;
  const auto stat = sys::stat(absolute(dir));
  return stat && stat->isDir() && stat->uid == sys::ownUid() && (stat->mode & 0077) == 0;
}

bool makeFit(const std::string& dir) {
  // The umask may have taken our own bits away.
  if (sys::mkdir(absolute(dir), 0700) && !sys::chmod(absolute(dir), 0700)) return false;
  return isFit(dir);
}

std::string newName() {
  char name[48];
  std::snprintf(name, sizeof(name), "%d-%08x", static_cast<int>(sys::ownPid()), static_cast<unsigned>(std::random_device{}()));
  return name;
}

}  // namespace

std::vector<std::string> registriesToRead() {
  std::vector<std::string> dirs = candidates();
  std::erase_if(dirs, [](const std::string& dir) { return !isFit(dir); });
  return dirs;
}

Result<RegistryEntry> RegistryEntry::reserve() {
  for (const std::string& dir : candidates()) {
    if (makeFit(dir)) return RegistryEntry(dir + "/" + newName());
  }
  return Errno(EACCES);
}

RegistryEntry::~RegistryEntry() {
  if (path_.empty()) return;
  for (const char* ending : {".json", ".sock"}) {
    const std::string path = path_ + ending;
    const Status removed = sys::unlink(absolute(path));
    // Whoever lists the mounts removes what has no daemon.
    if (!removed && !meansAbsent(removed.error())) log::write(log::Level::warn, "cannot remove a file", {{"path", path}});
  }
}

Status RegistryEntry::publish(std::string_view record) const {
  const std::string whole = path_ + ".json", fresh = whole + ".new";
  TRY_ASSIGN(const Fd file, sys::createExclusive(absolute(fresh), O_WRONLY, 0600));
  const auto written = sys::writeAt(file.get(), std::as_bytes(std::span(record)), 0);
  if (written && *written == record.size()) return sys::rename(absolute(fresh), absolute(whole));
  TRY(sys::unlink(absolute(fresh)));
  return written ? Errno(ENOSPC) : written.error();
}

}  // namespace unionfs::daemon

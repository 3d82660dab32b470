#include "daemon/place.h"

#include <fcntl.h>
#include <linux/magic.h>

#include <algorithm>

#include "base/words.h"
#include "sys/open.h"
#include "sys/path.h"
#include "sys/stat.h"

namespace unionfs::daemon {
namespace {

std::string parentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool isPlainText(const std::string& path) {
  return words::isUtf8(path) && std::none_of(path.begin(), path.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

std::string identityOf(const FileId& id) { return std::to_string(id.first) + ":" + std::to_string(id.second); }

std::optional<Place> PlaceFinder::find(const std::string& path) {
  auto real = sys::realPath(path);
  if (!real || !isPlainText(*real)) return std::nullopt;
  auto directory = sys::openPath(*real, O_PATH | O_DIRECTORY);
  if (!directory) return std::nullopt;
  const auto stat = sys::stat({directory->get(), ""});
  const auto fs = sys::statFs(directory->get());
  if (!stat || !fs || stat->mountId == 0) return std::nullopt;
  Place place{std::move(*real), std::move(*directory), {stat->dev, stat->ino}, stat->mountId, fs->type, {}};
  for (std::string above = place.path; above != "/";) {
    above = parentOf(above);
    auto [known, isNew] = known_.try_emplace(above);
    if (isNew) {
      const auto found = sys::stat({AT_FDCWD, above.c_str()});
      if (found) known->second = FileId{found->dev, found->ino};
    }
    if (!known->second) return std::nullopt;
    place.above.insert(*known->second);
  }
  return place;
}

bool surelyApart(const Place& one, const Place& other) {
  if (one.id == other.id || one.above.contains(other.id) || other.above.contains(one.id)) return false;
  if (one.mountId == other.mountId) return true;
  return one.filesystem != other.filesystem || (one.id.first != other.id.first && one.filesystem != BTRFS_SUPER_MAGIC);
}

}  // namespace unionfs::daemon

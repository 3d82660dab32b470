#include "daemon/index_use.h"

#include <fcntl.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "sys/creds.h"
#include "sys/path.h"
#include "sys/self.h"
#include "sys/stat.h"

namespace unionfs::daemon {
namespace {

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

// src/index/location.ts: where it lies when nobody names it.
std::optional<std::string> usualLocation() {
  if (sys::outerUid() == 0) return "/var/cache/unionfs/index";
  if (const auto cache = variable("XDG_CACHE_HOME"); cache.starts_with('/')) return std::string(cache) + "/unionfs/index";
  const auto home = variable("HOME").empty() ? sys::homeOf(sys::ownUid()) : std::string(variable("HOME"));
  return home ? std::optional(*home + "/.cache/unionfs/index") : std::nullopt;
}

}  // namespace

bool indexHasToDoWithIt() {
  const std::string_view named = variable("UNIONFS_INDEX");
  if (!named.empty()) return named != "none";
  const auto location = usualLocation();
  if (!location) return false;
  // The list of what is sealed (src/index/seal-list.ts). In doubt there is one.
  const auto seals = sys::exists({AT_FDCWD, (*location + "/SEALS").c_str()});
  return !seals || *seals;
}

}  // namespace unionfs::daemon

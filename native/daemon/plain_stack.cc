#include "daemon/plain_stack.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "daemon/json.h"
#include "daemon/place.h"
#include "sys/creds.h"
#include "sys/dir.h"
#include "sys/mounting.h"
#include "sys/open.h"
#include "sys/path.h"
#include "sys/stat.h"
#include "sys/text_file.h"

namespace unionfs::daemon {
namespace {

constexpr int kRead = R_OK | X_OK;
constexpr int kWrite = R_OK | W_OK | X_OK;
// XFS keeps its number to itself (fs/xfs/libxfs/xfs_format.h: XFS_SB_MAGIC).
constexpr uint64_t kXfs = 0x58465342;

struct Stack {
  std::vector<Place> lowers;
  std::vector<Place> written;  // upper and work directory, or nothing
  Place mountpoint;
};

std::optional<Stack> findPlaces(const PlainRequest& request) {
  PlaceFinder finder;
  Stack stack;
  const auto find = [&](const std::string& path, std::vector<Place>& into) {
    auto place = finder.find(path);
    if (place) into.push_back(std::move(*place));
    return place.has_value();
  };
  for (const std::string& lower : request.lowers) {
    if (!find(lower, stack.lowers)) return std::nullopt;
  }
  if (!request.upper.empty() && (!find(request.upper, stack.written) || !find(request.workdir, stack.written))) return std::nullopt;
  auto mountpoint = finder.find(request.mountpoint);
  if (!mountpoint) return std::nullopt;
  stack.mountpoint = std::move(*mountpoint);
  return stack;
}

// What these carry is known: whiteouts, links, extended attributes.
bool carriesAnUpper(const Place& upper) {
  const uint64_t type = upper.filesystem;
  if (type == TMPFS_MAGIC) return sys::ownUid() == 0 && sys::inInitialUserNamespace();
  return type == EXT4_SUPER_MAGIC || type == BTRFS_SUPER_MAGIC || type == kXfs;
}

// The engine empties it: somebody's files must not be in there.
bool holdsNothingForeign(const Place& workdir) {
  const auto directory = sys::open({workdir.directory.get(), ""}, O_RDONLY | O_DIRECTORY);
  if (!directory) return false;
  bool own = true;
  const Status read =
      sys::readDir(directory->get(), [&](const sys::RawEntry& entry) { own = own && (entry.name == "work" || entry.name == "index"); });
  return read && own;
}

bool rightsSuffice(const Stack& stack) {
  for (const Place& lower : stack.lowers) {
    if (!sys::mayAccess(lower.path, kRead)) return false;
  }
  return std::all_of(stack.written.begin(), stack.written.end(), [](const Place& each) { return sys::mayAccess(each.path, kWrite); });
}

bool writesWhereItMay(const Stack& stack) {
  if (stack.written.empty()) return true;
  const Place& upper = stack.written[0];
  const Place& workdir = stack.written[1];
  if (upper.id.first != workdir.id.first || upper.mountId != workdir.mountId || !surelyApart(upper, workdir)) return false;
  return carriesAnUpper(upper) && holdsNothingForeign(workdir);
}

bool layersLieApart(const Stack& stack) {
  std::set<FileId> seen;
  for (const Place& lower : stack.lowers) {
    if (!seen.insert(lower.id).second) return false;
    for (const Place& each : stack.written) {
      if (!surelyApart(each, lower)) return false;
    }
  }
  return true;
}

bool mountsInTheOpen(const Stack& stack) {
  const Place& point = stack.mountpoint;
  if (point.path == "/") return false;
  const auto top = sys::topMountAt(point.path);
  if (top && (top->type == "fuse.unionfs" || top->type == std::string("fuse.") + kStandIn)) return false;
  const auto outside = [&](const Place& each) { return surelyApart(point, each) || point.id == each.id; };
  return std::all_of(stack.written.begin(), stack.written.end(), [&](const Place& each) { return surelyApart(point, each); }) &&
         std::all_of(stack.lowers.begin(), stack.lowers.end(), outside);
}

bool kernelKeepsAway(const Stack& stack) {
  if (stack.written.empty()) return true;
  PlaceFinder finder;
  for (const std::string& path : sys::kernelOverlayWrites()) {
    const auto real = path.starts_with('/') ? sys::realPath(path) : Result<std::string>(Errno(ENOENT));
    if (!real) continue;  // of another mount namespace
    const auto place = finder.find(*real);
    if (!place) return false;
    for (const Place& each : stack.written) {
      if (!surelyApart(*place, each)) return false;
    }
  }
  return true;
}

// The text behind `"KEY":"` in a record of a live mount, in which no such text holds a quote.
std::string_view fieldOf(std::string_view record, std::string_view key) {
  const std::string before = "\"" + std::string(key) + "\":\"";
  const size_t start = record.find(before);
  if (start == std::string_view::npos) return {};
  const std::string_view rest = record.substr(start + before.size());
  return rest.substr(0, rest.find('"'));
}

// Whether what the mount of `record` writes is read here, or the other way round.
bool isConcernedBy(const Stack& stack, std::string_view record) {
  for (const std::string_view key : {"upperIdentity", "workdirIdentity"}) {
    const std::string_view written = fieldOf(record, key);
    if (written.empty()) continue;
    for (const Place& lower : stack.lowers) {
      const auto is = [&](const FileId& id) { return written == identityOf(id); };
      if (is(lower.id) || std::any_of(lower.above.begin(), lower.above.end(), is)) return true;
    }
  }
  return !stack.written.empty() && record.find(jsonText(stack.written[0].path)) != std::string_view::npos;
}

bool otherMountsKeepAway(const Stack& stack, const std::vector<std::string>& registries) {
  for (const std::string& dir : registries) {
    const auto directory = sys::openPath(dir, O_RDONLY | O_DIRECTORY);
    if (!directory) continue;
    bool apart = true;
    const Status read = sys::readDir(directory->get(), [&](const sys::RawEntry& entry) {
      if (!apart || !entry.name.ends_with(".json")) return;
      const auto record = sys::readText(dir + "/" + std::string(entry.name));
      apart = record ? !isConcernedBy(stack, *record) : record.failsWith(ENOENT);
    });
    if (!read || !apart) return false;
  }
  return true;
}

// Where the kernel maps owners as well, it must be known of each lower (src/stack/layer.ts).
bool ownersAreTheirs(const PlainRequest& request) {
  const bool mapped = !request.uidRanges.empty() || !request.gidRanges.empty();
  return !mapped || !sys::anyMountIsIdmapped();
}

}  // namespace

std::optional<PlainStack> resolvePlainStack(const PlainRequest& request, const std::vector<std::string>& registries) {
  const auto stack = findPlaces(request);
  if (!stack || !ownersAreTheirs(request) || !rightsSuffice(*stack) || !writesWhereItMay(*stack) || !layersLieApart(*stack))
    return std::nullopt;
  if (!mountsInTheOpen(*stack) || !kernelKeepsAway(*stack) || !otherMountsKeepAway(*stack, registries)) return std::nullopt;
  PlainStack plain;
  for (const Place& lower : stack->lowers) plain.lowers.push_back(lower.path);
  plain.mountpoint = stack->mountpoint.path;
  if (!stack->written.empty()) {
    plain.upper = stack->written[0].path;
    plain.upperIdentity = identityOf(stack->written[0].id);
    plain.workdir = stack->written[1].path;
    plain.workdirIdentity = identityOf(stack->written[1].id);
  }
  return plain;
}

}  // namespace unionfs::daemon

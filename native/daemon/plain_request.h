// plain_request.h - the command line of a mount program, where it is plain: as container engines write it day by day.
//
// The command line as such is TypeScript's (src/program): it knows every option, escape and error. What is read here is
// a part of that, and means the same there; whatever else is met, be it only a backslash, is left to it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "overlay/ids.h"

namespace unionfs::daemon {

// The name other programs look for in PATH (src/program/form.ts).
inline constexpr const char* kStandIn = "fuse-overlayfs";

struct PlainRequest {
  std::vector<std::string> lowers;  // top first
  std::string upper, workdir;       // both or neither; empty: read-only
  std::string mountpoint;
  std::string source;    // in the mount table; empty: none was named
  bool standIn = false;  // called as kStandIn
  bool allowOther = false;
  bool dev = false;
  bool suid = true;
  bool exec = true;
  bool sync = true;
  bool writeback = true;
  std::vector<IdRange> uidRanges, gidRanges;
  std::optional<uint32_t> squashUid, squashGid;
  std::string said;  // lines for stderr: what was asked for and means nothing
};

// `words`: what follows the program's name. Nothing: not plain.
std::optional<PlainRequest> readPlainRequest(bool standIn, std::span<char* const> words);

}  // namespace unionfs::daemon

// plain_stack.h - the directories of a plain request, where nothing can be said against them.
//
// What may be wrong with a stack, and what to do about each of it, TypeScript tells (src/stack/validate.ts). Here
// everything that it would tell of is a doubt, and so is what would take long to find out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/plain_request.h"

namespace unionfs::daemon {

// All paths are resolved.
struct PlainStack {
  std::vector<std::string> lowers;
  std::string upper, workdir, mountpoint;
  std::string upperIdentity, workdirIdentity;  // "DEVICE:INODE"
};

// `registries`: where the live mounts of this user are listed. Nothing: a doubt.
std::optional<PlainStack> resolvePlainStack(const PlainRequest& request, const std::vector<std::string>& registries);

}  // namespace unionfs::daemon

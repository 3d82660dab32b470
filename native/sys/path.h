// path.h - absolute paths as a person gave them, before anything is opened for good.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace unionfs::sys {

// realpath(3): absolute, without symlinks; relative paths begin at the working directory. ENOENT when any part is missing.
Result<std::string> realPath(const std::string& path);
// access(2), of X_OK, W_OK and R_OK: whether this process may.
bool mayAccess(const std::string& path, int mode);
// The entry of the user list; nothing when there is none.
std::optional<std::string> homeOf(unsigned uid);

}  // namespace unionfs::sys

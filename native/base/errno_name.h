// errno_name.h - errors as people and JavaScript know them.
#pragma once

#include <string>

#include "base/result.h"

namespace unionfs {

// "ENOENT"; "E4711" for a number libc has no name for.
std::string errnoName(Errno error);
// "ENOENT: No such file or directory"
std::string describe(Errno error);

}  // namespace unionfs

// text_file.h - small files that are read whole: of /proc, of /sys, and our own.
#pragma once

#include <string>

#include "base/result.h"

namespace unionfs::sys {

// Everything up to the end, or to a sane limit (8 MiB).
std::string readAll(int fd);
// The same of an absolute path.
Result<std::string> readText(const std::string& path);

}  // namespace unionfs::sys

// xattr.h - extended attributes of a file in a layer, symlinks and special files included, never followed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/fd.h"

namespace unionfs::sys {

// ENODATA when absent; EOPNOTSUPP where the filesystem has none of this kind.
Result<std::string> getXattr(At at, const char* name);
// flags: 0, XATTR_CREATE, XATTR_REPLACE.
Status setXattr(At at, const char* name, std::string_view value, int flags = 0);
Status removeXattr(At at, const char* name);
// Names, each ended by NUL. Empty where the filesystem has no xattrs.
Result<std::string> listXattr(At at);
// The names of such a list, which each view borrows from with the NUL behind it.
std::vector<std::string_view> namesIn(const std::string& list);

}  // namespace unionfs::sys

// contents.h - checksums of what files hold: for the manifest of a sealed layer, and to find out what rotted.
#pragma once

#include <array>
#include <functional>
#include <string>

#include "base/result.h"
#include "index/content_record.h"
#include "index/dir_record.h"
#include "sys/fd.h"

namespace unionfs {

// The sums of every entry of the directory `fd`, in the order of `record`. `readBytes` is told of each piece read;
// when it says no, EINTR. `failing`: the entry that a failure is about.
Result<ContentRecord> sumContents(int fd, const DirRecordContents& record, const std::function<bool(size_t)>& readBytes,
                                  std::string& failing);

// What makes up a directory for a person: names, types, owners, modes, sizes, modification times, contents, xattrs; not
// inode numbers and the like, which a copy does not share. 128 bits.
std::array<uint64_t, 2> digestOf(const DirRecordContents& record, const ContentRecord& sums);

}  // namespace unionfs

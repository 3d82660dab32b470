// write_back.h - what became of data that was written and not flushed.
#pragma once

#include "base/result.h"

namespace unionfs::sys {

// The error, if there was one, of writing back what was written to the file, without waiting for anything or causing
// anything to be written. It is told once for each descriptor, and to a new one if nobody was told before.
Status writeBackStatus(int fd);

}  // namespace unionfs::sys

#include "sys/working_directory.h"

#include <fcntl.h>
#include <unistd.h>

namespace unionfs::sys {

Result<LeftDirectory> LeftDirectory::leave() {
  Fd origin(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!origin || ::chdir("/") != 0) return Errno::last();
  return LeftDirectory(std::move(origin));
}

// Fails only for a directory that may not be searched any more; relative paths then fail where they are used.
LeftDirectory::~LeftDirectory() {
  if (origin_ && ::fchdir(origin_.get()) != 0) return;
}

}  // namespace unionfs::sys

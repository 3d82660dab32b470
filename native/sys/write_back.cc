#include "sys/write_back.h"

#include <fcntl.h>

#include "sys/fault.h"

namespace unionfs::sys {

namespace {

constexpr off64_t kBeyondAllData = off64_t{1} << 62;

}  // namespace

// To wait for a range without pages is nothing to wait for, and ends with a look at the file's errors.
Status writeBackStatus(int fd) {
  FAULT_POINT("sync_file_range");
  if (::sync_file_range(fd, kBeyondAllData, 1, SYNC_FILE_RANGE_WAIT_BEFORE) < 0) return Errno::last();
  return success();
}

}  // namespace unionfs::sys

// temp_in_memory.h - for loops that make and synchronize thousands of files, which costs nothing in memory.
#pragma once

#include <unistd.h>

#include <cstdlib>

namespace unionfs::testing {

// While it lives, temporary directories are made on /dev/shm, if there is one and TMPDIR says nothing else. No other
// thread may run when it comes or goes.
class TempInMemory {
 public:
  TempInMemory() {
    if (was_ == nullptr && ::access(kMemory, W_OK) == 0) ::setenv(kVariable, kMemory, 1);
  }
  ~TempInMemory() {
    if (was_ == nullptr) ::unsetenv(kVariable);
  }
  TempInMemory(const TempInMemory&) = delete;
  TempInMemory& operator=(const TempInMemory&) = delete;

 private:
  static constexpr const char* kVariable = "TMPDIR";
  static constexpr const char* kMemory = "/dev/shm";
  const char* was_ = ::getenv(kVariable);
};

}  // namespace unionfs::testing

// working_directory.h - leaving the directory one was started in, so that its filesystem can be unmounted.
#pragma once

#include "base/result.h"
#include "sys/fd.h"

namespace unionfs::sys {

// In "/" from leave() on. Destroyed before stayAway(), it goes back. Threads that are started meanwhile, and have a
// working directory of their own, stay in "/".
class LeftDirectory {
 public:
  static Result<LeftDirectory> leave();
  LeftDirectory(LeftDirectory&&) = default;
  LeftDirectory& operator=(LeftDirectory&&) = delete;
  ~LeftDirectory();

  void stayAway() { origin_ = Fd(); }

 private:
  explicit LeftDirectory(Fd origin) : origin_(std::move(origin)) {}
  Fd origin_;
};

}  // namespace unionfs::sys

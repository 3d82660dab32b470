// errands.h - what takes long and is done beside, while the daemon goes on hearing signals and answering.
#pragma once

#include <functional>
#include <vector>

#include "sys/serving_thread.h"

namespace unionfs::daemon {

class Errands {
 public:
  // Done at once where no thread can be had. `errand` must not throw.
  void run(std::function<void()> errand);

 private:
  std::vector<sys::Thread> threads_;  // joined by the destructor
};

}  // namespace unionfs::daemon

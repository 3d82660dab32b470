#include "daemon/errands.h"

#include <utility>

namespace unionfs::daemon {

void Errands::run(std::function<void()> errand) {
  auto thread = sys::Thread::start(errand);
  if (thread)
    threads_.push_back(std::move(*thread));
  else
    errand();
}

}  // namespace unionfs::daemon

// blocking.cc - the hook of the calling thread.
#include "base/blocking.h"

namespace unionfs {
namespace {
thread_local BlockingHook threadHook;
}  // namespace

void setBlockingHook(BlockingHook hook) { threadHook = hook; }

void aboutToBlock() {
  if (threadHook.call != nullptr) threadHook.call(threadHook.argument);
}

}  // namespace unionfs

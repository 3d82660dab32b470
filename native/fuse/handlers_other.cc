// handlers_other.cc - messages about the connection, and those the kernel is told to do without.
#include "fuse/handlers.h"

namespace unionfs::handlers {

// One that finds nothing came too late, as its request was answered, or is noted for the reader who is about to begin it.
Status interrupt(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::InterruptIn>());
  call.connection.inFlight.interrupt(in.unique);
  return success();
}

Status accepted(Call& /*call*/) { return success(); }
Status unsupported(Call& /*call*/) { return Errno(ENOSYS); }
Status outOfOrder(Call& /*call*/) { return Errno(EINVAL); }

}  // namespace unionfs::handlers

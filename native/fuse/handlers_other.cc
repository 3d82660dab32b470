// handlers_other.cc - messages about the connection, and those the kernel is told to do without.
#include "fuse/handlers.h"

namespace unionfs::handlers {

// An interrupt that finds nothing came too late: its request was answered.
Status interrupt(Call& call) {
  TRY_ASSIGN(const auto in, call.arguments.take<abi::InterruptIn>());
  call.connection.inFlight.interrupt(in.unique);
  return success();
}

Status accepted(Call& /*call*/) { return success(); }
Status unsupported(Call& /*call*/) { return Errno(ENOSYS); }
Status outOfOrder(Call& /*call*/) { return Errno(EINVAL); }

}  // namespace unionfs::handlers

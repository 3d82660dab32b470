// core.h - on which processor core a thread runs.
#pragma once

#include <sys/types.h>

#include <optional>

namespace unionfs::sys {

// The core the calling thread runs on.
unsigned currentCore();

// The core thread `tid` ran on last (proc_pid_stat(5), field 39). Nothing when it is gone or /proc does not show it.
std::optional<unsigned> coreOf(pid_t tid);

// Takes the calling thread to `core` and leaves it free to go elsewhere again. False when it may not run there, or when
// there is only one core it may run on.
bool moveToCore(unsigned core);

}  // namespace unionfs::sys

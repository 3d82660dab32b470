// process.h - what is happening to a process that asked for something.
#pragma once

#include <sys/types.h>

namespace unionfs::sys {

// True when thread `tid` is gone or has a deadly signal pending. False for 0: it lives in a pid namespace we cannot see.
// A signal that will kill puts SIGKILL into the pending set of every thread (kernel/signal.c:complete_signal()).
bool isBeingKilled(pid_t tid);

}  // namespace unionfs::sys

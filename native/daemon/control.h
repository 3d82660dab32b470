// control.h - what the daemon of a mount is asked: one line of JSON each way over its socket (src/mount/control.ts).
#pragma once

#include "daemon/errands.h"
#include "sys/fd.h"

namespace unionfs::daemon {

class ServedMount;

// Answers one asker of those who wait at `listener`. Whoever neither asks nor reads holds it up for two seconds. An unmount,
// which writes back all that is dirty, is an errand, and answered when it is done.
void answerNext(const Fd& listener, ServedMount& mount, Errands& errands);

}  // namespace unionfs::daemon

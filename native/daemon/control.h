// control.h - what the daemon of a mount is asked: one line of JSON each way over its socket (src/mount/control.ts).
#pragma once

#include "sys/fd.h"

namespace unionfs::daemon {

class ServedMount;

// Answers one asker of those who wait at `listener`. Whoever neither asks nor reads holds it up for a second.
void answerNext(const Fd& listener, ServedMount& mount);

}  // namespace unionfs::daemon

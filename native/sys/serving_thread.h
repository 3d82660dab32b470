// serving_thread.h - what the operating system must know about a thread that serves requests.
#pragma once

#include <pthread.h>

#include "base/result.h"

namespace unionfs::sys {

// For the calling thread: a name for ps, a umask of its own that is 0, and no signal but the one of wakeThread.
// Fails when the kernel refuses a umask of its own; the thread must then not serve.
Status becomeServingThread(const char* name);

// Interrupts the system call another serving thread waits in (EINTR). May come too early: repeat until it is gone.
void wakeThread(pthread_t thread);

}  // namespace unionfs::sys

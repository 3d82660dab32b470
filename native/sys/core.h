// core.h - on which processor core a thread runs, and who else wants one.
#pragma once

#include <sys/types.h>

#include <optional>

#include "base/result.h"

namespace unionfs::sys {

// The core the calling thread runs on.
unsigned currentCore();

// The core thread `tid` ran on last (proc_pid_stat(5), field 39). Nothing when it is gone or /proc does not show it.
std::optional<unsigned> coreOf(pid_t tid);

// Where a thread may run after it was moved.
enum class Roaming {
  free,    // anywhere again
  stayed,  // there only, until roam()
};

// Takes the calling thread to `core`. False when the process's first thread may not run there, or on one core only.
bool moveToCore(unsigned core, Roaming then);
// Thread `tid` of this process may run wherever the first one may.
Status roam(pid_t tid);

// Cores the process's first thread may run on; at least 1.
unsigned usableCores();

// Threads of the whole machine that run or could run, the caller among them (proc_loadavg(5), field 4).
std::optional<unsigned> runnableThreads();

// The calling thread's number.
pid_t currentThread();

// Thread `tid` of this process gives way to everybody (SCHED_IDLE), or competes again like any other (SCHED_OTHER). The way
// back is for who has CAP_SYS_NICE (sched(7)), or EPERM.
Status giveWay(pid_t tid, bool always);
bool mayCompeteAgain();
// Of the calling thread, which has it from the one that started it.
bool givesWay();

}  // namespace unionfs::sys

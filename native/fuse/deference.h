// deference.h - when serving threads may give way to everybody else, so that a client wakes up on the core both share.
//
// The scheduler sends whoever wakes up to an idle core if there is one. A client whose answer comes from a thread on its own
// core so finds that core busy, and is sent to another, which sleeps: see placement.h for what that costs. A core on which
// nothing but threads of SCHED_IDLE run counts as idle (Linux: kernel/sched/fair.c:sched_idle_cpu()): the client wakes up
// there, and goes on before the server has even returned from its write.
//
// The price is that such a thread gets next to nothing once others want the core. So threads give way only while the
// machine has had cores to spare for some looks in a row, and stop at the first that finds it has not. Without privilege
// there is no way back for a thread: another then takes its place.
#pragma once

#include <functional>
#include <optional>

#include "sys/core.h"

namespace unionfs {

class Deference {
 public:
  // What it asks of the machine; tests bring their own.
  struct Machine {
    std::function<std::optional<unsigned>()> runnable = sys::runnableThreads;
    unsigned cores = sys::usableCores();
    bool wayBack = sys::mayCompeteAgain();
  };

  Deference() = default;
  explicit Deference(Machine machine) : machine_(std::move(machine)) {}

  // A look at the machine, some milliseconds after the last, by a thread that does not give way. True: those that serve may.
  bool look();
  // Whether a thread that gives way can compete again.
  [[nodiscard]] bool hasWayBack() const { return machine_.wayBack; }

 private:
  Machine machine_;
  unsigned quietLooks_ = 0;  // in a row
};

}  // namespace unionfs

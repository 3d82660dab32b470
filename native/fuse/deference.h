// deference.h - when serving threads may give way to everybody else, so that a client wakes up on the core both share.
//
// The scheduler sends whoever wakes up to an idle core if there is one. A client whose answer comes from a thread on its own
// core so finds that core busy, and is sent to another, which sleeps: see placement.h for what that costs. A core on which
// nothing but threads of SCHED_IDLE run counts as idle (Linux: kernel/sched/fair.c:sched_idle_cpu()): the client wakes up
// there, and goes on before the server has even returned from its write.
//
// The price is that such a thread gets next to nothing when others want the core. So threads give way only while few enough
// want to run for all to be clients and those who serve them; and who computes all the time is found out by what is served:
// a thread that waits for his turns serves no thousand requests a second. Then it competes for a while. Without privilege
// there is no way back for a thread: another takes its place.
#pragma once

#include <chrono>
#include <cstdint>
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

  explicit Deference(Machine machine) : machine_(std::move(machine)) {}

  // A look at the machine, by a thread that does not give way, some milliseconds after the last; `served`: requests since
  // then. True: those that serve may give way until the next look.
  bool look(uint64_t served, std::chrono::nanoseconds sinceLast);
  // Nothing is served for now.
  void pause() { giving_ = false; }
  // Whether a thread that gives way can compete again.
  [[nodiscard]] bool hasWayBack() const { return machine_.wayBack; }

 private:
  [[nodiscard]] bool isRoomy() const;

  Machine machine_;
  bool giving_ = false;
  unsigned skip_ = 0;       // looks until the next try
  unsigned afterVain_ = 1;  // how many to skip after a try in vain
};

}  // namespace unionfs

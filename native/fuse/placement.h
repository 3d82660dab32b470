// placement.h - keeps a serving thread on the core of the client it serves.
//
// A round trip between threads on one core costs two context switches. On two cores it costs two wake-ups, each of
// which has to rouse a core that went idle meanwhile: on virtual machines some ten to a hundred times as much. The
// scheduler prefers an idle core for whoever wakes up and so tends to keep the two apart. When requests come at the slow
// rhythm of two cores, the thread looks where its client runs and goes there.
//
// A look may block: /proc/TID/stat of a thread in execve(2) waits for the end of that call, and so for the pages it
// reads from this mount. So nobody may look who owes an answer, and while somebody does, another thread must be able to
// take over the reading.
//
// One for each serving thread, used by that thread alone.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>

#include "sys/core.h"

namespace unionfs {

class Placement {
 public:
  // What it asks of the machine; tests bring their own.
  struct Machine {
    std::function<unsigned()> mine = sys::currentCore;
    std::function<std::optional<unsigned>(pid_t)> of = sys::coreOf;
    std::function<bool(unsigned, sys::Roaming)> move = sys::moveToCore;
  };

  Placement() = default;
  explicit Placement(Machine machine) : machine_(std::move(machine)) {}

  // A request of thread `client` (0: unknown) has arrived, `waited` after the last one was answered. True when a look is
  // due once it is answered.
  bool arrived(pid_t client, std::chrono::nanoseconds waited);
  // Goes to the core of `client` if that is another one. May block.
  void look(pid_t client, sys::Roaming then);

 private:
  Machine machine_;
  unsigned skip_ = 0;           // slow requests until the next look
  unsigned afterTogether_ = 1;  // how many to skip when the client is here
  unsigned afterMove_ = 1;      // and when it had to be followed
  unsigned sinceMove_ = 0;      // requests since then
};

}  // namespace unionfs

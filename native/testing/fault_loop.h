// fault_loop.h - runs one operation with its first, second, third ... changing system call failing, or the process
// dying there, until it gets through untouched.
//
//   forEachFault(fault::Effect::die, [](FaultAttempt& attempt) {
//     LayerFixture layers;  layers.lower("f = old");        // fresh every time
//     attempt.run([&] { ... the operation, and nothing else ... });
//     EXPECT(layers.dumpUpper() == before || layers.dumpUpper() == after);
//   });
#pragma once

#include <cstdint>
#include <functional>

#include "sys/fault.h"

namespace unionfs::testing {

class FaultAttempt {
 public:
  FaultAttempt(fault::Plan plan) : plan_(plan) {}

  // With Effect::die `work` runs in a child process, so what it changes in memory is not seen here. No other thread may
  // run then. Once per attempt.
  void run(const std::function<void()>& work);

  [[nodiscard]] uint64_t at() const { return plan_.at; }
  // The operation reached the Nth call: something was denied to it.
  [[nodiscard]] bool struck() const { return struck_; }

 private:
  fault::Plan plan_;
  bool struck_ = false;
};

// `attempt` is called for N = 1, 2, ... and must call run() once. Returns how many calls the operation makes; records a
// failure when it does not come to an end.
uint64_t forEachFault(fault::Effect effect, const std::function<void(FaultAttempt&)>& attempt, int error = EIO);

}  // namespace unionfs::testing

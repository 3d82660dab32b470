// in_flight.h - which requests are being served, so that an INTERRUPT finds its request.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

namespace unionfs {

inline constexpr unsigned kThreadLimit = 64;

// One slot per serving thread.
class InFlight {
 public:
  class Slot {
   public:
    // The flag that is set when the request is interrupted; valid until end().
    const std::atomic<bool>* begin(uint64_t unique);
    void end();

   private:
    friend class InFlight;
    std::mutex mu_;
    uint64_t unique_ = 0;  // guarded by mu_; 0: idle
    std::atomic<bool> interrupted_{false};
  };

  Slot& slot(unsigned index) { return slots_[index]; }
  // False when no such request is being served: it ended meanwhile.
  bool interrupt(uint64_t unique);

 private:
  std::array<Slot, kThreadLimit> slots_;
};

}  // namespace unionfs

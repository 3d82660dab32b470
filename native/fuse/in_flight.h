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
    const InFlight* owner_ = nullptr;
    std::mutex mu_;
    uint64_t unique_ = 0;  // guarded by mu_; 0: idle
    std::atomic<bool> interrupted_{false};
  };

  InFlight();
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  Slot& slot(unsigned index) { return slots_[index]; }
  // False when no such request is being served: it ended meanwhile, or another reader has it and is about to begin, who
  // will then find it interrupted.
  bool interrupt(uint64_t unique);

 private:
  // More than readers there can be, each with one request not begun.
  static constexpr size_t kEarly = 16;

  [[nodiscard]] bool cameEarly(uint64_t unique) const;

  std::array<Slot, kThreadLimit> slots_;
  // The last ones interrupted. The kernel never uses a number twice, so old ones do no harm.
  std::array<std::atomic<uint64_t>, kEarly> early_{};
  std::atomic<size_t> nextEarly_{0};
};

}  // namespace unionfs

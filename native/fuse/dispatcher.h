// dispatcher.h - takes one received message to its handler and sends the one reply. Nobody else replies.
#pragma once

#include <array>
#include <map>
#include <string>

#include "base/stats.h"
#include "fuse/opcodes.h"

namespace unionfs {

// Sends an answer: an errno, or (errno 0) the bytes of both parts. A reply the kernel refuses is replaced by EIO, so
// that no program waits for ever.
void sendAnswer(const Channel& channel, uint64_t unique, int errnoValue, std::span<const std::byte> first = {},
                std::span<const std::byte> second = {});

class Dispatcher {
 public:
  explicit Dispatcher(Connection& connection) : connection_(connection) {}

  // Serves one message on the calling thread. `large` is its buffer for large answers, `slot` its place among the
  // requests in flight.
  void serve(std::span<const std::byte> message, const Channel& channel, std::span<std::byte> large, InFlight::Slot& slot);

  // Operations that occurred, by name.
  [[nodiscard]] std::map<std::string, LatencySummary> statistics() const;

 private:
  // The handler's verdict: 0 or an errno; EIO when an exception of a library ended it.
  int run(const OpcodeRow& row, Call& call);

  Connection& connection_;
  std::array<LatencyHistogram, abi::kOpcodeLimit> histograms_;
};

}  // namespace unionfs
